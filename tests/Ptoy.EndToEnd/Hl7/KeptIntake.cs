using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Ptoy.Services.Common;
using Ptoy.Services.Connector;

namespace Ptoy.EndToEnd.Hl7;

/// <summary>
/// An intake that keeps everything on disk and hands nothing on: what a crash of the feed may not lose is read out of it.
/// </summary>
internal sealed class KeptIntake(SealedStore store) : IIntake
{
    /// <summary>Before the bytes of a resource: how many versions it had.</summary>
    private const int Head = 4;

    private readonly SealedTable _things = store.Table("kept.things");

    /// <summary>Digests of every original message.</summary>
    public IReadOnlySet<string> Originals() =>
        _things.Keys($"{IntakeTypes.Hl7v2}/").Select(k => k[(IntakeTypes.Hl7v2.Length + 1)..]).ToHashSet(StringComparer.Ordinal);

    /// <summary>Newest bytes of the resources of a type, and how many versions each had.</summary>
    public IReadOnlyList<(string Newest, int Versions)> Resources(string type) =>
        [.. _things.Scan($"{type}/").Select(
            r => (Encoding.UTF8.GetString(r.Value.AsSpan(Head)), BinaryPrimitives.ReadInt32BigEndian(r.Value)))];

    /// <inheritdoc/>
    public Task<IntakeOutcome> TakeAsync(IntakeBatch batch, CancellationToken cancellation = default)
    {
        int fresh = 0, versions = 0, known = 0;
        store.Write(rows =>
        {
            foreach (IntakeResource resource in batch.Resources)
            {
                string key = $"{resource.Type}/{resource.Id ?? Convert.ToHexStringLower(SHA256.HashData(resource.Bytes.Span))}";
                byte[]? before = _things.Get(key);
                if (before is not null && before.AsSpan(Head).SequenceEqual(resource.Bytes.Span))
                {
                    known++;
                    continue;
                }
                if (before is null) fresh++;
                else versions++;
                var value = new byte[Head + resource.Bytes.Length];
                BinaryPrimitives.WriteInt32BigEndian(value, before is null ? 1 : BinaryPrimitives.ReadInt32BigEndian(before) + 1);
                resource.Bytes.Span.CopyTo(value.AsSpan(Head));
                rows.Put(_things, key, value);
            }
        });
        return Task.FromResult(new IntakeOutcome(fresh, versions, known));
    }

    /// <inheritdoc/>
    public Task<MergeOutcome> MergeAsync(string source, string from, string into, CancellationToken cancellation = default) =>
        Task.FromResult(new MergeOutcome(MergeResult.Done));

    /// <inheritdoc/>
    public Task<MergeOutcome> UndoMergeAsync(string source, string from, string into, CancellationToken cancellation = default) =>
        Task.FromResult(new MergeOutcome(MergeResult.Done));
}
