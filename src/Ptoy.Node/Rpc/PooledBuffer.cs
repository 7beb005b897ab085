using System.Buffers;

namespace Ptoy.Node.Rpc;

/// <summary>Bytes that grow in memory rented from the shared pool, up to a limit.</summary>
internal sealed class PooledBuffer(int limit, int initial = 4096) : IBufferWriter<byte>, IDisposable
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(Math.Min(initial, limit));

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    /// <summary>Forgets what was written after the first <paramref name="length"/> bytes.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - Length);
        Length += count;
        if (Length > limit) throw new BufferLimitException(limit);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Advance(bytes.Length);
    }

    public void Dispose()
    {
        byte[] bytes = _bytes;
        _bytes = [];
        Length = 0;
        if (bytes.Length > 0) ArrayPool<byte>.Shared.Return(bytes);
    }

    private void Reserve(int more)
    {
        // A writer may ask for more room than it then uses, so the refusal is in Advance unless the need is beyond doubt.
        const int Slack = 64 * 1024;
        if (_bytes.Length - Length >= more) return;
        if (Length + (long)more > limit + (long)Slack && more > Slack) throw new BufferLimitException(limit);
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(Math.Min(_bytes.Length * 2L, limit), Length + (long)more));
        _bytes.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}

/// <summary>More bytes than a <see cref="PooledBuffer"/> may hold.</summary>
internal sealed class BufferLimitException(int limit) : Exception($"more than {limit} bytes")
{
    public int Limit { get; } = limit;
}
