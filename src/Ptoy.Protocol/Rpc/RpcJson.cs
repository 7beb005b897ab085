using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Rpc;

/// <summary>
/// How values look in JSON, on both sides: camelCase members, hashes and signatures as hexadecimal, addresses as
/// <c>ptoy1…</c>, keys as <c>suite:hex</c>, byte arrays as base64, enumerations as camelCase text, null members left out.
/// </summary>
public static class RpcJson
{
    /// <summary>Nesting beyond which a message is refused.</summary>
    public const int MaxDepth = 64;

    /// <summary>The one set of options.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    /// <summary>How requests and answers are parsed: a repeated member name is an error, since two readers could take different ones.</summary>
    public static JsonDocumentOptions Documents { get; } = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>
    /// Parses a message. Throws <see cref="JsonException"/>, also for text that is not Unicode (bytes that are not UTF-8, half of a
    /// surrogate pair), which the parser itself lets pass and every later reading of that text would trip over.
    /// </summary>
    public static JsonDocument Parse(ReadOnlyMemory<byte> utf8)
    {
        // First, since the parser's own look for repeated names reads names as text.
        if (!IsUnicode(utf8.Span)) throw new JsonException("text that is not Unicode");
        return JsonDocument.Parse(utf8, Documents);
    }

    private static bool IsUnicode(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json)) return false;
        if (json.IndexOf("\\u"u8) < 0) return true;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped) continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Name of the header that carries the auth object of a binary call.</summary>
    public const string AuthHeader = "X-Ptoy-Auth";

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            NumberHandling = JsonNumberHandling.Strict,
            AllowDuplicateProperties = false,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            MaxDepth = MaxDepth,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { OptionalWhenNullable } },
        };
        options.Converters.Add(new HashConverter());
        options.Converters.Add(new AddressConverter());
        options.Converters.Add(new PublicKeyConverter());
        options.Converters.Add(new SignatureConverter());
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        return options;
    }

    // Null members are left out when written, so a member that may be null may be absent when read; any other must be there.
    private static void OptionalWhenNullable(JsonTypeInfo type)
    {
        foreach (JsonPropertyInfo property in type.Properties)
        {
            if (property.AssociatedParameter is { IsNullable: true }) property.IsRequired = false;
        }
    }

    private sealed class HashConverter : JsonConverter<Hash>
    {
        public override Hash Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && Hash.TryParse(reader.GetString(), out Hash hash)
                ? hash
                : throw new JsonException("a hash is 64 hexadecimal characters");

        public override void Write(Utf8JsonWriter writer, Hash value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class AddressConverter : JsonConverter<Address>
    {
        public override Address Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && Address.TryParse(reader.GetString(), out Address address)
                ? address
                : throw new JsonException("not a ptoy1… address");

        public override void Write(Utf8JsonWriter writer, Address value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class PublicKeyConverter : JsonConverter<PublicKey>
    {
        public override PublicKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.String) throw new JsonException("a public key is written suite:hex");
            try { return PublicKey.Parse(reader.GetString()!); }
            catch (FormatException e) { throw new JsonException(e.Message); }
        }

        public override void Write(Utf8JsonWriter writer, PublicKey value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class SignatureConverter : JsonConverter<Signature>
    {
        public override Signature Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.String) throw new JsonException("a signature is hexadecimal text");
            try
            {
                var signature = new Signature(SuiteId.Ed25519, Convert.FromHexString(reader.GetString()!));
                return signature.Problem() is { } problem ? throw new JsonException(problem) : signature;
            }
            catch (FormatException)
            {
                throw new JsonException("a signature is hexadecimal text");
            }
        }

        public override void Write(Utf8JsonWriter writer, Signature value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Convert.ToHexStringLower(value.Bytes));
    }
}
