using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Ptoy.Services.Facade.Http;

/// <summary>Where a search's next page goes on.</summary>
/// <param name="Path">What was searched: a type, or <c>Patient/id/$everything</c>.</param>
/// <param name="Query">The parameters, name and value in turn.</param>
/// <param name="Offset">Results before it.</param>
/// <param name="AsOf">Later changes are left out, so that pages do not shift (UTC ticks).</param>
/// <param name="Grant">Whose search it is.</param>
/// <param name="Until">When the link ends (UTC ticks).</param>
internal sealed record PageCursor(string Path, string[] Query, int Offset, long AsOf, string Grant, long Until);

/// <summary>
/// Page links: encrypted under a key of this process, so they hold nothing readable, cannot be made up, end by themselves and with a
/// restart, and
/// nothing is kept for them here.
/// </summary>
internal sealed class PageCursors(TimeProvider time)
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public string Seal(PageCursor cursor)
    {
        byte[] plain = JsonSerializer.SerializeToUtf8Bytes(cursor with { Until = (time.GetUtcNow() + Lifetime).UtcTicks });
        byte[] output = new byte[NonceSize + plain.Length + TagSize];
        RandomNumberGenerator.Fill(output.AsSpan(0, NonceSize));
        using var aes = new AesGcm(_key, TagSize);
        aes.Encrypt(output.AsSpan(0, NonceSize), plain, output.AsSpan(NonceSize, plain.Length), output.AsSpan(NonceSize + plain.Length));
        return Base64Url.EncodeToString(output);
    }

    /// <summary>Throws <see cref="FhirException"/> for a link that is not this requester's, or has ended.</summary>
    public PageCursor Open(string text, string grant)
    {
        PageCursor? cursor = Decrypt(text);
        if (cursor is null || cursor.Grant != grant) throw new FhirException(410, "expired",
            "_getpages: not a page of a search of yours, or no longer: search again");
        return cursor.Until > time.GetUtcNow().UtcTicks ? cursor : throw new FhirException(410, "expired",
            "_getpages: the page has expired: search again");
    }

    private PageCursor? Decrypt(string text)
    {
        try
        {
            byte[] input = Base64Url.DecodeFromChars(text);
            if (input.Length < NonceSize + TagSize) return null;
            byte[] plain = new byte[input.Length - NonceSize - TagSize];
            using var aes = new AesGcm(_key, TagSize);
            aes.Decrypt(input.AsSpan(0, NonceSize), input.AsSpan(NonceSize, plain.Length), input.AsSpan(input.Length - TagSize), plain);
            return JsonSerializer.Deserialize<PageCursor>(plain);
        }
        catch (Exception e) when (e is FormatException or CryptographicException or JsonException)
        {
            return null;
        }
    }
}
