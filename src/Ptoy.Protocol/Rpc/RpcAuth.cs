using System.Text.Json;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Rpc;

/// <summary>
/// The <c>auth</c> member of a signed request: who signs, the node it is for, a nonce used once, the time (Unix milliseconds) at
/// which it stops being valid, the organisation acted for (or none), and the signature over <see cref="SignedRequest.Text"/>.
/// </summary>
public sealed record RpcAuth(PublicKey Key, PublicKey Node, string Nonce, long ExpiryMs, Address? OnBehalfOf, Signature Signature)
{
    /// <summary>Fewest characters of a nonce.</summary>
    public const int MinNonce = 16;

    /// <summary>Most characters of a nonce.</summary>
    public const int MaxNonce = 64;

    /// <summary>Writes the JSON object.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("key", Key.ToString());
        writer.WriteString("node", Node.ToString());
        writer.WriteString("nonce", Nonce);
        writer.WriteNumber("expiry", ExpiryMs);
        if (OnBehalfOf is { } organisation) writer.WriteString("onBehalfOf", organisation.ToString());
        writer.WriteString("signature", Convert.ToHexStringLower(Signature.Bytes));
        writer.WriteEndObject();
    }

    /// <summary>The JSON object as ASCII text, for the header of a binary call.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream(512);
        using (var writer = new Utf8JsonWriter(stream)) WriteTo(writer);
        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>Reads the JSON object; null and the reason, naming the member, when it is not well-formed.</summary>
    public static RpcAuth? Parse(JsonElement json, out string problem)
    {
        if (json.ValueKind != JsonValueKind.Object) return Wrong("auth: not an object", out problem);
        foreach (JsonProperty member in json.EnumerateObject())
        {
            if (!IsKnown(member)) return Wrong($"auth: has a member that is not known", out problem);
        }
        if (Text(json, "key") is not { } keyText) return Wrong("auth.key: missing or not text", out problem);
        if (ParseKey(keyText) is not { } key) return Wrong("auth.key: not an Ed25519 key written 1:hex", out problem);
        if (Text(json, "node") is not { } nodeText) return Wrong("auth.node: missing or not text", out problem);
        if (ParseKey(nodeText) is not { } node) return Wrong("auth.node: not an Ed25519 key written 1:hex", out problem);
        if (Text(json, "nonce") is not { Length: >= MinNonce and <= MaxNonce } nonce || !nonce.All(char.IsAsciiHexDigitLower))
            return Wrong($"auth.nonce: not {MinNonce} to {MaxNonce} lower-case hexadecimal characters", out problem);
        if (!json.TryGetProperty("expiry", out JsonElement expiry) || expiry.ValueKind != JsonValueKind.Number
            || !expiry.TryGetInt64(out long expiryMs) || expiryMs < 0)
            return Wrong("auth.expiry: missing or not a time in Unix milliseconds", out problem);
        Address? onBehalfOf = null;
        if (json.TryGetProperty("onBehalfOf", out JsonElement behalf) && behalf.ValueKind != JsonValueKind.Null)
        {
            if (behalf.ValueKind != JsonValueKind.String || !Address.TryParse(behalf.GetString(), out Address organisation))
                return Wrong("auth.onBehalfOf: not a ptoy1… address", out problem);
            onBehalfOf = organisation;
        }
        if (ParseSignature(Text(json, "signature")) is not { } signature)
            return Wrong("auth.signature: not 128 hexadecimal characters", out problem);
        problem = "";
        return new RpcAuth(key, node, nonce, expiryMs, onBehalfOf, signature);
    }

    private static bool IsKnown(JsonProperty member) =>
        member.NameEquals("key") || member.NameEquals("node") || member.NameEquals("nonce") || member.NameEquals("expiry")
        || member.NameEquals("onBehalfOf") || member.NameEquals("signature");

    private static RpcAuth? Wrong(string what, out string problem)
    {
        problem = what;
        return null;
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static PublicKey? ParseKey(string text)
    {
        const int Length = 66;
        if (text.Length != Length) return null;
        try
        {
            PublicKey key = PublicKey.Parse(text);
            return key.Suite == SuiteId.Ed25519 ? key : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static Signature? ParseSignature(string? text)
    {
        const int Bytes = 64;
        if (text is not { Length: Bytes * 2 }) return null;
        var bytes = new byte[Bytes];
        return Convert.FromHexString(text, bytes, out _, out int written) == System.Buffers.OperationStatus.Done && written == Bytes
            ? new Signature(SuiteId.Ed25519, bytes)
            : null;
    }
}
