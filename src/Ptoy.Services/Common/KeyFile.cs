using System.Security.Cryptography;

namespace Ptoy.Services.Common;

/// <summary>A 32-byte key in a file of its own, as hexadecimal, readable by its user only.</summary>
public static class KeyFile
{
    /// <summary>Length of a key in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Reads a key. Throws <see cref="InvalidDataException"/> naming the file when it is missing or not a key.</summary>
    public static byte[] Read(string path)
    {
        if (!File.Exists(path)) throw new InvalidDataException($"key file {path}: missing");
        byte[] key;
        try { key = Convert.FromHexString(File.ReadAllText(path).Trim()); }
        catch (FormatException) { throw new InvalidDataException($"key file {path}: not hexadecimal"); }
        return key.Length == KeySize ? key : throw new InvalidDataException($"key file {path}: {key.Length} bytes, not {KeySize}");
    }

    /// <summary>Reads a key, or makes one when there is no file.</summary>
    public static byte[] ReadOrCreate(string path)
    {
        if (File.Exists(path)) return Read(path);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        byte[] key = RandomNumberGenerator.GetBytes(KeySize);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(path, options);
        writer.WriteLine(Convert.ToHexStringLower(key));
        writer.Flush();
        return key;
    }
}
