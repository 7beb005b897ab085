namespace Ptoy.Node.Config;

/// <summary>A file with 32 secret bytes as hexadecimal text, readable by its owner only.</summary>
public static class KeyFile
{
    /// <summary>Reads the bytes. Throws <see cref="ConfigException"/> naming the key of the configuration and the file.</summary>
    public static byte[] Read(string configKey, string path)
    {
        if (!File.Exists(path)) throw new ConfigException($"configuration key '{configKey}': there is no file '{path}'; make one with: ptoy keys node --out {path}");
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            throw new ConfigException($"configuration key '{configKey}': '{path}' can be read or written by others; run: chmod 600 {path}");
        string text = ReadText(configKey, path).Trim();
        if (text.Length != 64 || !text.All(char.IsAsciiHexDigit))
            throw new ConfigException($"configuration key '{configKey}': '{path}' does not hold 64 hexadecimal characters");
        return Convert.FromHexString(text);
    }

    private static string ReadText(string configKey, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"configuration key '{configKey}': '{path}' cannot be read: {e.Message}");
        }
    }

    /// <summary>Writes 32 bytes with mode 0600. Refuses to overwrite.</summary>
    public static void Write(string path, ReadOnlySpan<byte> secret)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(path, options);
        writer.WriteLine(Convert.ToHexStringLower(secret));
    }
}
