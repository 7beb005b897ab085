using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector;

namespace Ptoy.Services.Tests.Connector.Hl7;

/// <summary>
/// An intake in memory that keeps its promises: versions by source, type and id; what is known is nothing new; circles are for review.
/// </summary>
internal sealed class RecordingIntake : IIntake
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<byte[]>> _versions = [];
    private readonly Dictionary<string, string> _merged = [];

    /// <summary>Thrown by the next calls, when set.</summary>
    public Exception? Failure { get; set; }

    public List<IntakeBatch> Batches { get; } = [];

    public List<string> Merges { get; } = [];

    /// <summary>Things held, in all versions.</summary>
    public int Versions
    {
        get { lock (_lock) return _versions.Values.Sum(v => v.Count); }
    }

    public int Things
    {
        get { lock (_lock) return _versions.Count; }
    }

    /// <summary>The newest bytes of every resource of a type.</summary>
    public string[] Newest(string type)
    {
        lock (_lock) return [.. _versions.Where(v => v.Key.StartsWith($"{type}/", StringComparison.Ordinal))
            .Select(v => Encoding.UTF8.GetString(v.Value[^1]))];
    }

    public Task<IntakeOutcome> TakeAsync(IntakeBatch batch, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            if (Failure is { } failure) throw failure;
            Batches.Add(batch);
            int fresh = 0, newer = 0, known = 0;
            foreach (IntakeResource resource in batch.Resources)
            {
                byte[] bytes = resource.Bytes.ToArray();
                string key = $"{resource.Type}/{resource.Id ?? Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes))}";
                if (!_versions.TryGetValue(key, out List<byte[]>? versions)) _versions[key] = versions = [];
                if (versions.Count > 0 && versions[^1].AsSpan().SequenceEqual(bytes)) known++;
                else if (versions.Count == 0) fresh++;
                else newer++;
                if (versions.Count == 0 || !versions[^1].AsSpan().SequenceEqual(bytes)) versions.Add(bytes);
            }
            return Task.FromResult(new IntakeOutcome(fresh, newer, known));
        }
    }

    public Task<MergeOutcome> MergeAsync(string source, string from, string into, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            if (_merged.GetValueOrDefault(from) == into) return Task.FromResult(new MergeOutcome(MergeResult.Already));
            for (string? at = into; at is not null; at = _merged.GetValueOrDefault(at))
            {
                if (at == from) return Task.FromResult(new MergeOutcome(MergeResult.Review, "a circle"));
            }
            _merged[from] = into;
            Merges.Add($"{from} -> {into}");
            return Task.FromResult(new MergeOutcome(MergeResult.Done));
        }
    }

    public Task<MergeOutcome> UndoMergeAsync(string source, string from, string into, CancellationToken cancellation = default)
    {
        lock (_lock) return Task.FromResult(new MergeOutcome(_merged.Remove(from) ? MergeResult.Done : MergeResult.Already));
    }
}
