namespace Ptoy.Services.Connector.Hl7.Mllp;

/// <summary>
/// Takes blocks out of a stream (MLLP release 1: VT, bytes, FS, CR). Between blocks line breaks and blanks are passed over; anything else
/// there, a block inside a block, and a block longer than the limit end the connection: what follows could not be trusted to be a block.
/// FS ends a block whether or not CR follows, as some senders leave it out.
/// </summary>
internal sealed class MllpReader(Stream stream, int maxBytes)
{
    /// <summary>Begins a block.</summary>
    public const byte Start = 0x0B;

    /// <summary>Ends a block.</summary>
    public const byte End = 0x1C;

    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _at, _filled;

    /// <summary>
    /// The next block's content; null when the stream ended between blocks. <paramref name="begun"/> is called once when a block begins.
    /// Throws <see cref="MllpException"/>.
    /// </summary>
    public async Task<byte[]?> ReadAsync(Action begun, CancellationToken cancellation)
    {
        if (!await FindStartAsync(cancellation)) return null;
        begun();
        using var block = new MemoryStream();
        while (true)
        {
            if (_at == _filled && !await FillAsync(cancellation)) throw new MllpException("the stream ended inside a block");
            ReadOnlyMemory<byte> rest = _buffer.AsMemory(_at, _filled - _at);
            int end = rest.Span.IndexOfAny(Start, End);
            int take = end < 0 ? rest.Length : end;
            if (block.Length + take > maxBytes) throw new MllpException($"a block of more than {maxBytes} bytes");
            block.Write(rest.Span[..take]);
            _at += take;
            if (end < 0) continue;
            if (_buffer[_at++] == Start) throw new MllpException("a block begins inside a block");
            return block.ToArray();
        }
    }

    /// <summary>A block around some content.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> content) => [Start, .. content, End, (byte)'\r'];

    private async Task<bool> FindStartAsync(CancellationToken cancellation)
    {
        while (true)
        {
            while (_at < _filled)
            {
                byte next = _buffer[_at++];
                if (next == Start) return true;
                if (next is not ((byte)'\r' or (byte)'\n' or (byte)' ')) throw new MllpException("bytes outside of a block");
            }
            if (!await FillAsync(cancellation)) return false;
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancellation)
    {
        _at = 0;
        _filled = await stream.ReadAsync(_buffer, cancellation);
        return _filled > 0;
    }
}
