using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Parameters;

namespace Ptoy.Client.Keys;

/// <summary>A keystore that cannot be read: the message says why, and holds nothing of its content.</summary>
public sealed class KeystoreException(string message) : Exception(message);

/// <summary>Cost of deriving a key from a passphrase with Argon2id (RFC 9106).</summary>
/// <param name="MemoryKiB">Memory in KiB.</param>
/// <param name="Iterations">Passes over the memory.</param>
/// <param name="Parallelism">Lanes.</param>
public sealed record Argon2Cost(int MemoryKiB, int Iterations, int Parallelism)
{
    /// <summary>RFC 9106's second recommendation: 64 MiB, three passes, four lanes.</summary>
    public static Argon2Cost Default { get; } = new(65_536, 3, 4);

    /// <summary>Null when within what this program computes for a file that somebody else may have written.</summary>
    internal string? Problem() =>
        MemoryKiB is < 8 or > 1_048_576 ? $"kdf.memoryKiB is {MemoryKiB}, not 8 to 1048576"
        : Iterations is < 1 or > 16 ? $"kdf.iterations is {Iterations}, not 1 to 16"
        : Parallelism is < 1 or > 16 ? $"kdf.parallelism is {Parallelism}, not 1 to 16"
        : MemoryKiB < 8 * Parallelism ? "kdf.memoryKiB is less than 8 for each lane"
        : null;
}

/// <summary>
/// What a person keeps: the phrase or the seed it gave, and the vault roots, newest last. On disk it is JSON, encrypted with
/// AES-256-GCM under a key that Argon2id derives from a passphrase; the parameters stand in the file and are authenticated.
/// </summary>
public sealed class Keystore : IDisposable
{
    /// <summary>Largest keystore file in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    private const string FormatName = "ptoy-keystore", KdfName = "argon2id", CipherName = "aes-256-gcm";
    private const int Version = 1, SaltSize = 16, NonceSize = 12, TagSize = 16;
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly byte[] _seed;
    private readonly List<VaultRoot> _roots;

    private Keystore(Mnemonic? phrase, byte[] seed, IEnumerable<VaultRoot> roots)
    {
        Phrase = phrase;
        _seed = seed;
        _roots = [.. roots];
    }

    /// <summary>The phrase; null when the keystore holds a seed only.</summary>
    public Mnemonic? Phrase { get; }

    /// <summary>The vault roots, oldest first.</summary>
    public IReadOnlyList<VaultRoot> VaultRoots => _roots;

    /// <summary>The vault root in force.</summary>
    public VaultRoot VaultRoot => _roots[^1];

    /// <summary>A keystore for a phrase (without BIP-39 passphrase), with a new vault root unless one is given.</summary>
    public static Keystore FromPhrase(Mnemonic phrase, VaultRoot? root = null) => new(phrase, phrase.ToSeed(), [root ?? VaultRoot.Create()]);

    /// <summary>A keystore for a 64-byte seed, with a new vault root unless one is given.</summary>
    public static Keystore FromSeed(ReadOnlySpan<byte> seed, VaultRoot? root = null) => seed.Length == 64
        ? new Keystore(null, seed.ToArray(), [root ?? VaultRoot.Create()])
        : throw new ArgumentException($"a seed has 64 bytes, not {seed.Length}", nameof(seed));

    /// <summary>The keys of the n-th account.</summary>
    public AccountKeys Account(uint index = 0) => AccountKeys.FromSeed(_seed, index);

    /// <summary>Adds a vault root with a version above all others, which is then in force.</summary>
    public void AddVaultRoot(VaultRoot root)
    {
        if (root.Version <= VaultRoot.Version) throw new ArgumentException($"version {root.Version} is not above {VaultRoot.Version}", nameof(root));
        _roots.Add(root);
    }

    /// <summary>The encrypted JSON.</summary>
    public byte[] Encrypt(string passphrase, Argon2Cost? cost = null)
    {
        if (passphrase.Length == 0) throw new ArgumentException("the passphrase is empty", nameof(passphrase));
        cost ??= Argon2Cost.Default;
        if (cost.Problem() is { } problem) throw new ArgumentException(problem, nameof(cost));
        using AccountKeys account = Account();
        var kdf = new Kdf(KdfName, cost.MemoryKiB, cost.Iterations, cost.Parallelism, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SaltSize)));
        var head = new File(FormatName, Version, account.Address.ToString(), kdf, CipherName, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NonceSize)), "");
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(
            new Content(
                [.. _roots.Select(r => new Root(r.Version, Convert.ToHexStringLower(r.Export())))],
                Phrase?.Phrase,
                Phrase is null ? Convert.ToHexStringLower(_seed) : null),
            Json);
        var ciphertext = new byte[content.Length + TagSize];
        byte[] key = DeriveKey(passphrase, kdf);
        using (var cipher = new AesGcm(key, TagSize))
            cipher.Encrypt(Convert.FromHexString(head.Nonce), content, ciphertext.AsSpan(0, content.Length), ciphertext.AsSpan(content.Length), Aad(head));
        CryptographicOperations.ZeroMemory(key);
        CryptographicOperations.ZeroMemory(content);
        return JsonSerializer.SerializeToUtf8Bytes(head with { Ciphertext = Convert.ToHexStringLower(ciphertext) }, Json);
    }

    /// <summary>
    /// Decrypts. Throws <see cref="KeystoreException"/>: not a keystore, a format or cost this program does not take, or a wrong
    /// passphrase (which looks the same as a changed file, and the message says so).
    /// </summary>
    public static Keystore Decrypt(ReadOnlySpan<byte> json, string passphrase)
    {
        File file = Read<File>(json, "the keystore");
        if (file.Format != FormatName) throw new KeystoreException($"not a keystore: format is not {FormatName}");
        if (file.Version != Version) throw new KeystoreException($"keystore version {file.Version} is not known; this program knows {Version}");
        if (file.Kdf.Name != KdfName || file.Cipher != CipherName) throw new KeystoreException($"the keystore is not encrypted with {KdfName} and {CipherName}");
        if (new Argon2Cost(file.Kdf.MemoryKiB, file.Kdf.Iterations, file.Kdf.Parallelism).Problem() is { } problem) throw new KeystoreException($"keystore: {problem}");
        byte[] nonce = Hex(file.Nonce, "nonce", NonceSize), ciphertext = Hex(file.Ciphertext, "ciphertext", null);
        if (ciphertext.Length < TagSize) throw new KeystoreException("keystore: ciphertext is too short");
        byte[] key = DeriveKey(passphrase, file.Kdf);
        var content = new byte[ciphertext.Length - TagSize];
        try
        {
            using var cipher = new AesGcm(key, TagSize);
            cipher.Decrypt(nonce, ciphertext.AsSpan(0, content.Length), ciphertext.AsSpan(content.Length), content, Aad(file));
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new KeystoreException("wrong passphrase, or the keystore was changed");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
        return Open(Read<Content>(content, "the keystore's content"));
    }

    /// <summary>Writes the encrypted file, readable and writable by its owner only. An existing file is refused.</summary>
    public void Save(string path, string passphrase, Argon2Cost? cost = null)
    {
        byte[] bytes = Encrypt(passphrase, cost);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var stream = new FileStream(path, options);
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
        catch (IOException e) when (System.IO.File.Exists(path))
        {
            throw new KeystoreException($"'{path}' exists and is not overwritten ({e.GetType().Name})");
        }
    }

    /// <summary>Reads a file that <see cref="Save"/> wrote. Throws <see cref="KeystoreException"/>.</summary>
    public static Keystore Load(string path, string passphrase)
    {
        if (!System.IO.File.Exists(path)) throw new KeystoreException($"there is no keystore at '{path}'");
        if (new FileInfo(path).Length > MaxBytes) throw new KeystoreException($"'{path}' is larger than {MaxBytes} bytes, which no keystore is");
        return Decrypt(System.IO.File.ReadAllBytes(path), passphrase);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_seed);
        foreach (VaultRoot root in _roots) root.Dispose();
    }

    private static Keystore Open(Content content)
    {
        if (content.Phrase is null == content.Seed is null) throw new KeystoreException("the keystore's content has not either a phrase or a seed");
        if (content.VaultRoots.Length == 0) throw new KeystoreException("the keystore's content has no vault root");
        VaultRoot[] roots = [.. content.VaultRoots.Select(r => r.Version > 0
            ? new VaultRoot(r.Version, Hex(r.Bytes, "vault root", VaultRoot.Size))
            : throw new KeystoreException("a vault root's version is 0"))];
        if (content.Seed is not null) return new Keystore(null, Hex(content.Seed, "seed", 64), roots);
        try
        {
            Mnemonic phrase = Mnemonic.Parse(content.Phrase!);
            return new Keystore(phrase, phrase.ToSeed(), roots);
        }
        catch (FormatException)
        {
            throw new KeystoreException("the keystore's phrase is not a BIP-39 phrase");
        }
    }

    private static byte[] DeriveKey(string passphrase, Kdf kdf)
    {
        var generator = new Argon2BytesGenerator();
        generator.Init(new Argon2Parameters.Builder(Argon2Parameters.Argon2id)
            .WithVersion(Argon2Parameters.Version13)
            .WithMemoryAsKB(kdf.MemoryKiB).WithIterations(kdf.Iterations).WithParallelism(kdf.Parallelism)
            .WithSalt(Hex(kdf.Salt, "salt", SaltSize)).Build());
        var key = new byte[32];
        generator.GenerateBytes(Encoding.UTF8.GetBytes(passphrase), key);
        return key;
    }

    private static byte[] Aad(File file) => JsonSerializer.SerializeToUtf8Bytes(file with { Ciphertext = "" });

    private static T Read<T>(ReadOnlySpan<byte> json, string what)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Json) ?? throw new KeystoreException($"{what} is empty");
        }
        catch (JsonException e)
        {
            throw new KeystoreException($"{what} is not in the format of a keystore (line {e.LineNumber + 1})");
        }
    }

    private static byte[] Hex(string text, string field, int? count)
    {
        try
        {
            byte[] bytes = Convert.FromHexString(text);
            if (count is null || bytes.Length == count) return bytes;
        }
        catch (FormatException)
        {
            // Reported below, with what was expected.
        }
        throw new KeystoreException($"keystore: {field} is not {(count is null ? "" : $"{count} bytes of ")}hexadecimal");
    }

    private sealed record File(string Format, int Version, string Address, Kdf Kdf, string Cipher, string Nonce, string Ciphertext);

    private sealed record Kdf(string Name, int MemoryKiB, int Iterations, int Parallelism, string Salt);

    private sealed record Content(Root[] VaultRoots, string? Phrase = null, string? Seed = null);

    private sealed record Root(uint Version, string Bytes);
}
