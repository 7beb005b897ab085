using MessagePack;
using MessagePack.Resolvers;

namespace Ptoy.Protocol.Wire;

/// <summary>
/// The one codec: MessagePack with integer keys. There is exactly one encoding of a value: <see cref="Decode{T}"/> refuses
/// bytes that the value does not encode back to. Decoding is total: a well-formed value, or <see cref="WireException"/>.
/// </summary>
public static class Codec
{
    /// <summary>Deepest nesting that decodes.</summary>
    public const int MaxDepth = 24;

    private static readonly MessagePackSerializerOptions Options = MessagePackSerializerOptions.Standard
        .WithResolver(CompositeResolver.Create([new HashFormatter(), new AddressFormatter()], [StandardResolver.Instance]))
        .WithSecurity(MessagePackSecurity.UntrustedData.WithMaximumObjectGraphDepth(MaxDepth));

    /// <summary>The canonical bytes of a value.</summary>
    public static byte[] Encode<T>(T value) where T : IWire => MessagePackSerializer.Serialize(value, Options);

    /// <summary>Decodes at most <paramref name="maxBytes"/> bytes. Throws <see cref="WireException"/> with the reason.</summary>
    public static T Decode<T>(ReadOnlyMemory<byte> bytes, int maxBytes) where T : class, IWire =>
        TryDecode(bytes, maxBytes, out T? value, out string error) ? value! : throw new WireException(error);

    /// <summary>Decodes at most <paramref name="maxBytes"/> bytes, or says why not.</summary>
    public static bool TryDecode<T>(ReadOnlyMemory<byte> bytes, int maxBytes, out T? value, out string error) where T : class, IWire
    {
        value = null;
        if (bytes.Length > maxBytes)
        {
            error = $"{typeof(T).Name}: {bytes.Length} bytes, more than {maxBytes}";
            return false;
        }
        T? decoded;
        try
        {
            decoded = MessagePackSerializer.Deserialize<T>(bytes, Options, out int read);
            if (read != bytes.Length)
            {
                error = $"{typeof(T).Name}: {bytes.Length - read} bytes after the end";
                return false;
            }
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException
            or ArgumentException or InvalidOperationException or FormatException or InsufficientExecutionStackException)
        {
            error = $"{typeof(T).Name}: not decodable";
            return false;
        }
        if (decoded is null)
        {
            error = $"{typeof(T).Name}: missing";
            return false;
        }
        if (decoded.Problem() is { } problem)
        {
            error = $"{typeof(T).Name}: {problem}";
            return false;
        }
        if (!Encode(decoded).AsSpan().SequenceEqual(bytes.Span))
        {
            error = $"{typeof(T).Name}: not in canonical form";
            return false;
        }
        value = decoded;
        error = "";
        return true;
    }
}
