using System.Buffers;
using MessagePack;
using MessagePack.Formatters;

namespace Ptoy.Protocol.Wire;

internal sealed class HashFormatter : IMessagePackFormatter<Hash>
{
    public void Serialize(ref MessagePackWriter writer, Hash value, MessagePackSerializerOptions options)
    {
        writer.WriteBinHeader(Hash.Size);
        value.CopyTo(writer.GetSpan(Hash.Size));
        writer.Advance(Hash.Size);
    }

    public Hash Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options) => ReadHash(ref reader);

    internal static Hash ReadHash(ref MessagePackReader reader)
    {
        ReadOnlySequence<byte> bytes = reader.ReadBytes() ?? throw new MessagePackSerializationException("a hash is missing");
        if (bytes.Length != Hash.Size) throw new MessagePackSerializationException("a hash has 32 bytes");
        Span<byte> buffer = stackalloc byte[Hash.Size];
        bytes.CopyTo(buffer);
        return new Hash(buffer);
    }
}

internal sealed class AddressFormatter : IMessagePackFormatter<Address>
{
    public void Serialize(ref MessagePackWriter writer, Address value, MessagePackSerializerOptions options)
    {
        writer.WriteBinHeader(Hash.Size);
        value.Value.CopyTo(writer.GetSpan(Hash.Size));
        writer.Advance(Hash.Size);
    }

    public Address Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options) => new(HashFormatter.ReadHash(ref reader));
}
