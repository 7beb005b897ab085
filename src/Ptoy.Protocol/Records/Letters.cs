using System.Text.Json;

namespace Ptoy.Protocol.Records;

/// <summary>A compartment that a letter opens, by name and by the owner's tag for it.</summary>
public sealed record LetterCompartment(string Name, Hash Tag);

/// <summary>A vault private key of a closed epoch.</summary>
public sealed record LetterVaultKey(Hash Tag, int Epoch, byte[] PrivateKey);

/// <summary>
/// What a patient tells a grantee or writer, as the content of a sealed record with tag <see cref="Compartments.LetterTag"/>:
/// the tag key, the compartments it is about, and vault keys of closed epochs for compartments granted as a whole. A
/// writer's letter has no vault keys. JSON: <c>{tagKey, compartments: [{name, tag}], vaultKeys: [{tag, epoch, privateKey}]}</c>,
/// bytes in hexadecimal.
/// </summary>
public sealed record GrantLetter(byte[] TagKey, IReadOnlyList<LetterCompartment> Compartments, IReadOnlyList<LetterVaultKey> VaultKeys)
{
    /// <summary>Most vault keys: every compartment in every epoch.</summary>
    public const int MaxVaultKeys = 64 * 64;

    /// <summary>The JSON bytes.</summary>
    public byte[] ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("tagKey", Convert.ToHexStringLower(TagKey));
            writer.WriteStartArray("compartments");
            foreach (LetterCompartment compartment in Compartments)
            {
                writer.WriteStartObject();
                writer.WriteString("name", compartment.Name);
                writer.WriteString("tag", compartment.Tag.ToString());
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteStartArray("vaultKeys");
            foreach (LetterVaultKey key in VaultKeys)
            {
                writer.WriteStartObject();
                writer.WriteString("tag", key.Tag.ToString());
                writer.WriteNumber("epoch", key.Epoch);
                writer.WriteString("privateKey", Convert.ToHexStringLower(key.PrivateKey));
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>
    /// Reads JSON strictly, and checks that each tag is the tag key's for its name. Throws <see cref="FormatException"/>
    /// naming what is wrong.
    /// </summary>
    public static GrantLetter Parse(ReadOnlyMemory<byte> json) => StrictJson.Parse(json, "grant letter", Read);

    private static GrantLetter Read(JsonElement element, string what)
    {
        JsonElement[] members = StrictJson.Members(element, what, "tagKey", "compartments", "vaultKeys");
        byte[] tagKey = StrictJson.Hex(members[0], $"{what}: tagKey", 32);
        LetterCompartment[] compartments = StrictJson.List(members[1], $"{what}: compartments", 64, ReadCompartment);
        foreach (LetterCompartment compartment in compartments)
        {
            if (Records.Compartments.Tag(tagKey, compartment.Name) != compartment.Tag) throw new FormatException($"{what}: a tag is not the tag key's for its name");
        }
        LetterVaultKey[] keys = StrictJson.List(members[2], $"{what}: vaultKeys", MaxVaultKeys, ReadVaultKey);
        if (keys.Any(k => compartments.All(c => c.Tag != k.Tag))) throw new FormatException($"{what}: a vault key is for a compartment that the letter does not list");
        return new GrantLetter(tagKey, compartments, keys);
    }

    private static LetterCompartment ReadCompartment(JsonElement element, string what)
    {
        JsonElement[] members = StrictJson.Members(element, what, "name", "tag");
        return new LetterCompartment(StrictJson.Text(members[0], $"{what}.name", 64), new Hash(StrictJson.Hex(members[1], $"{what}.tag", Hash.Size)));
    }

    private static LetterVaultKey ReadVaultKey(JsonElement element, string what)
    {
        JsonElement[] members = StrictJson.Members(element, what, "tag", "epoch", "privateKey");
        return new LetterVaultKey(
            new Hash(StrictJson.Hex(members[0], $"{what}.tag", Hash.Size)),
            (int)StrictJson.Integer(members[1], $"{what}.epoch", 0, ManifestEntry.MaxEpoch),
            StrictJson.Hex(members[2], $"{what}.privateKey", 32));
    }
}

/// <summary>A role's team key pair in one version, as its private half.</summary>
public sealed record TeamPrivateKey(string Role, int Version, byte[] PrivateKey);

/// <summary>
/// What an organisation tells its employees, as the content of a sealed record it owns, with tag
/// <see cref="Compartments.LetterTag"/>: the team private keys of the roles they have. JSON:
/// <c>{organisation, keys: [{role, version, privateKey}]}</c>.
/// </summary>
public sealed record TeamLetter(Address Organisation, IReadOnlyList<TeamPrivateKey> Keys)
{
    /// <summary>Most keys of one letter.</summary>
    public const int MaxKeys = 1024;

    /// <summary>The JSON bytes.</summary>
    public byte[] ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("organisation", Organisation.ToString());
            writer.WriteStartArray("keys");
            foreach (TeamPrivateKey key in Keys)
            {
                writer.WriteStartObject();
                writer.WriteString("role", key.Role);
                writer.WriteNumber("version", key.Version);
                writer.WriteString("privateKey", Convert.ToHexStringLower(key.PrivateKey));
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>Reads JSON strictly. Throws <see cref="FormatException"/> naming what is wrong.</summary>
    public static TeamLetter Parse(ReadOnlyMemory<byte> json) => StrictJson.Parse(json, "team letter", Read);

    private static TeamLetter Read(JsonElement element, string what)
    {
        JsonElement[] members = StrictJson.Members(element, what, "organisation", "keys");
        if (!Address.TryParse(StrictJson.Text(members[0], $"{what}: organisation", 90), out Address organisation))
            throw new FormatException($"{what}: organisation is not an address");
        return new TeamLetter(organisation, StrictJson.List(members[1], $"{what}: keys", MaxKeys, ReadKey));
    }

    private static TeamPrivateKey ReadKey(JsonElement element, string what)
    {
        JsonElement[] members = StrictJson.Members(element, what, "role", "version", "privateKey");
        return new TeamPrivateKey(
            StrictJson.Text(members[0], $"{what}.role", 64),
            (int)StrictJson.Integer(members[1], $"{what}.version", 0, int.MaxValue),
            StrictJson.Hex(members[2], $"{what}.privateKey", 32));
    }
}
