using System.Buffers.Binary;

namespace Ptoy.Load.Ordering;

/// <summary>
/// One client's batch of commands, the body that is ordered: u16 commands, u16 payload bytes of each, then the commands: u64 client,
/// u64 sequence number, payload. An empty command has no payload; nothing is signed.
/// </summary>
internal static class CommandBatch
{
    public const int MostCommands = 4_096;
    public const int MostBytes = 128 * 1024;
    private const int Head = 4, CommandHead = 16;

    /// <summary>Commands <paramref name="first"/> and following of a client.</summary>
    public static byte[] Make(ulong client, ulong first, int commands, int payload)
    {
        int size = CommandHead + payload;
        var bytes = new byte[BytesOf(commands, payload)];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)commands);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)payload);
        for (int i = 0; i < commands; i++)
        {
            Span<byte> command = bytes.AsSpan(Head + (i * size));
            BinaryPrimitives.WriteUInt64BigEndian(command, client);
            BinaryPrimitives.WriteUInt64BigEndian(command[8..], first + (ulong)i);
        }
        return bytes;
    }

    /// <summary>Bytes of a batch of so many commands.</summary>
    public static int BytesOf(int commands, int payload) => Head + (commands * (CommandHead + payload));

    /// <summary>The number of commands in a well-formed batch, else 0.</summary>
    public static int Count(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is < Head or > MostBytes) return 0;
        int commands = BinaryPrimitives.ReadUInt16BigEndian(bytes), payload = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return commands <= MostCommands && bytes.Length == BytesOf(commands, payload) ? commands : 0;
    }

    /// <summary>The client and the first sequence number of a well-formed batch.</summary>
    public static (ulong Client, ulong First) Origin(ReadOnlySpan<byte> bytes) =>
        (BinaryPrimitives.ReadUInt64BigEndian(bytes[Head..]), BinaryPrimitives.ReadUInt64BigEndian(bytes[(Head + 8)..]));
}
