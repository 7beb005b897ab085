using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Services.Connector.Fhir;

namespace Ptoy.Services.Connector.Back;

/// <summary>Posts transactions to a FHIR server.</summary>
internal sealed class ServerTarget(FhirClient client) : IBackTarget
{
    public async Task DeliverAsync(byte[] transaction, CancellationToken cancellation)
    {
        try
        {
            if (!await client.PostAsync(transaction, AllTaken, cancellation)) throw new BackRefusedException("the EHR did not take every entry of a transaction");
        }
        catch (FhirServerException e) when (e.Status is >= 400 and < 500 and not (401 or 403 or 408 or 425 or 429))
        {
            throw new BackRefusedException(e.Message);
        }
        catch (FhirServerException e)
        {
            throw new BackAwayException(e.Message);
        }
    }

    private static bool AllTaken(FhirAnswer answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer.Body);
        if (!document.RootElement.TryGetProperty("entry", out JsonElement entries)) return true;
        return entries.EnumerateArray().All(e => e.TryGetProperty("response", out JsonElement response)
            && response.TryGetProperty("status", out JsonElement status) && status.GetString() is { } text && text.StartsWith('2'));
    }
}

/// <summary>
/// Writes transactions as files, each complete under its name at once; the name is the digest of the content, so that a repeat makes no second.
/// </summary>
internal sealed class FolderTarget(string folder) : IBackTarget
{
    public async Task DeliverAsync(byte[] transaction, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(transaction)) + ".json");
        try
        {
            if (File.Exists(path)) return;
            await using (var file = new FileStream(path + ".part", FileMode.Create, FileAccess.Write))
            {
                await file.WriteAsync(transaction, cancellation);
                file.Flush(flushToDisk: true);
            }
            File.Move(path + ".part", path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BackAwayException($"the folder cannot be written ({e.GetType().Name})");
        }
    }
}
