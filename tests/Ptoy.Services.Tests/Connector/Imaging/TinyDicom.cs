using System.Buffers.Binary;
using System.Text;

namespace Ptoy.Services.Tests.Connector.Imaging;

/// <summary>What a made-up instance says of itself.</summary>
internal sealed record TinyInstance(string Study, string Series, string Uid, string PatientId, string PatientName, string BirthDate)
{
    public string Modality { get; init; } = "CT";

    public string StudyDate { get; init; } = "20260105";

    public int SeriesNumber { get; init; } = 1;

    public int Number { get; init; } = 1;

    public int Side { get; init; } = 8;
}

/// <summary>Writes a DICOM file (PS3.10), secondary capture, explicit VR little endian, with a grey square.</summary>
internal static class TinyDicom
{
    public const string SecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";
    private const string ExplicitLittleEndian = "1.2.840.10008.1.2.1";

    public static byte[] Make(TinyInstance of)
    {
        using var meta = new MemoryStream();
        Write(meta, 0x0002, 0x0001, "OB", [0, 1]);
        WriteUid(meta, 0x0002, 0x0002, SecondaryCapture);
        WriteUid(meta, 0x0002, 0x0003, of.Uid);
        WriteUid(meta, 0x0002, 0x0010, ExplicitLittleEndian);
        WriteUid(meta, 0x0002, 0x0012, "1.2.826.0.1.3680043.10.1");
        using var file = new MemoryStream();
        file.Write(new byte[128]);
        file.Write("DICM"u8);
        var length = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)meta.Length);
        Write(file, 0x0002, 0x0000, "UL", length);
        file.Write(meta.ToArray());
        WriteUid(file, 0x0008, 0x0016, SecondaryCapture);
        WriteUid(file, 0x0008, 0x0018, of.Uid);
        WriteText(file, 0x0008, 0x0020, "DA", of.StudyDate);
        WriteText(file, 0x0008, 0x0030, "TM", "101500");
        WriteText(file, 0x0008, 0x0050, "SH", "A1");
        WriteText(file, 0x0008, 0x0060, "CS", of.Modality);
        WriteText(file, 0x0008, 0x0064, "CS", "WSD");
        WriteText(file, 0x0008, 0x1030, "LO", "Head");
        WriteText(file, 0x0010, 0x0010, "PN", of.PatientName);
        WriteText(file, 0x0010, 0x0020, "LO", of.PatientId);
        WriteText(file, 0x0010, 0x0030, "DA", of.BirthDate);
        WriteText(file, 0x0010, 0x0040, "CS", "O");
        WriteUid(file, 0x0020, 0x000D, of.Study);
        WriteUid(file, 0x0020, 0x000E, of.Series);
        WriteText(file, 0x0020, 0x0010, "SH", "1");
        WriteText(file, 0x0020, 0x0011, "IS", $"{of.SeriesNumber}");
        WriteText(file, 0x0020, 0x0013, "IS", $"{of.Number}");
        WriteShort(file, 0x0028, 0x0002, 1);
        WriteText(file, 0x0028, 0x0004, "CS", "MONOCHROME2");
        WriteShort(file, 0x0028, 0x0010, of.Side);
        WriteShort(file, 0x0028, 0x0011, of.Side);
        WriteShort(file, 0x0028, 0x0100, 8);
        WriteShort(file, 0x0028, 0x0101, 8);
        WriteShort(file, 0x0028, 0x0102, 7);
        WriteShort(file, 0x0028, 0x0103, 0);
        var pixels = new byte[of.Side * of.Side];
        new Random(of.Number).NextBytes(pixels);
        Write(file, 0x7FE0, 0x0010, "OB", pixels);
        return file.ToArray();
    }

    private static void WriteUid(Stream stream, int group, int element, string uid) => Write(stream, group, element, "UI", Padded(uid, 0));

    private static void WriteText(Stream stream, int group, int element, string vr, string text) => Write(stream, group, element, vr, Padded(text, (byte)' '));

    private static void WriteShort(Stream stream, int group, int element, int value) => Write(stream, group, element, "US", [(byte)value, (byte)(value >> 8)]);

    private static byte[] Padded(string text, byte pad)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        return bytes.Length % 2 == 0 ? bytes : [.. bytes, pad];
    }

    private static void Write(Stream stream, int group, int element, string vr, byte[] value)
    {
        bool isLong = vr is "OB" or "OW";
        var head = new byte[isLong ? 12 : 8];
        BinaryPrimitives.WriteUInt16LittleEndian(head, (ushort)group);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(2), (ushort)element);
        Encoding.ASCII.GetBytes(vr, head.AsSpan(4));
        if (isLong) BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(8), (uint)value.Length);
        else BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(6), (ushort)value.Length);
        stream.Write(head);
        stream.Write(value);
    }
}
