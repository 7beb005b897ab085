using MessagePack;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Gatekeeper;

/// <summary>A manifest as this node keeps it: with the salts of its wrap commitments, so that the whole upload can be given to another member.</summary>
[MessagePackObject]
public sealed record StoredManifest([property: Key(0)] Manifest Manifest, [property: Key(1)] Hash[] Salts) : IWire
{
    /// <summary>Largest encoded size in bytes.</summary>
    public const int MaxBytes = Manifest.MaxBytes + (Manifest.MaxEntries * 36) + 64;

    /// <inheritdoc/>
    public string? Problem() => Check.Nested("manifest", Manifest) ?? Check.Count("salts", Salts, Manifest.MaxEntries);
}
