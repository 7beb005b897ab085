using System.Buffers.Binary;

namespace Ptoy.Node.Transport;

/// <summary>What a frame is.</summary>
internal enum FrameType : byte
{
    OneWay = 1,
    Request = 2,
    Response = 3,
    Error = 4,
    Cancel = 5,
    Ping = 6,
    Pong = 7,
    /// <summary>No one-way message or request follows on this connection: they go on over the next one.</summary>
    Goodbye = 8,
}

/// <summary>
/// Head of a frame: type(1) · reserved(1) · kind(2) · id(4) · total(4) · length(4), big-endian. A message larger than a chunk is several
/// frames with the same head (but for the length), each but the last full; only one such message is under way in a direction at a time, so a receiver holds
/// at most one unfinished message.
/// </summary>
internal readonly record struct FrameHead(FrameType Type, ushort Kind, uint Id, int Total, int Length)
{
    public const int Size = 16;

    /// <summary>Largest piece of a message in one frame: what a small message waits for at most.</summary>
    public const int Chunk = 60 * 1024;

    /// <summary>Why this head breaks the rules, or null. Checked before anything is allocated for it.</summary>
    public string? Problem()
    {
        if (Type is < FrameType.OneWay or > FrameType.Goodbye) return $"frame type {(byte)Type} is not known";
        if ((uint)Total > ITransport.MaxMessageSize) return $"a message of {(uint)Total} bytes is larger than {ITransport.MaxMessageSize}";
        if (Length < 0 || Length > Chunk || Length > Total) return $"a frame of {(uint)Length} bytes does not fit its message of {Total}";
        return Length == 0 && Total > 0 ? "an empty frame of a message that is not" : null;
    }

    public void Write(Span<byte> target)
    {
        target[0] = (byte)Type;
        target[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], Kind);
        BinaryPrimitives.WriteUInt32BigEndian(target[4..], Id);
        BinaryPrimitives.WriteInt32BigEndian(target[8..], Total);
        BinaryPrimitives.WriteInt32BigEndian(target[12..], Length);
    }

    public static FrameHead Read(ReadOnlySpan<byte> source) => new(
        (FrameType)source[0],
        BinaryPrimitives.ReadUInt16BigEndian(source[2..]),
        BinaryPrimitives.ReadUInt32BigEndian(source[4..]),
        BinaryPrimitives.ReadInt32BigEndian(source[8..]),
        BinaryPrimitives.ReadInt32BigEndian(source[12..]));
}

/// <summary>A whole message, before it is sent or after it came.</summary>
internal sealed record Message(FrameType Type, ushort Kind, uint Id, ReadOnlyMemory<byte> Payload)
{
    public bool IsLarge => Payload.Length > FrameHead.Chunk;
}
