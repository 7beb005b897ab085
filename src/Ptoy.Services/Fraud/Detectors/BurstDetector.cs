using System.Globalization;
using Ptoy.Services.Fraud.Facts;
using Ptoy.Services.Fraud.Scoring;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>A day on which somebody opened far more records than usual, without reasons on record.</summary>
internal sealed class BurstDetector : IDetector
{
    private const int FewestPatients = 6, MostEvidence = 200;

    /// <summary>The kind, for who has to tell it from others.</summary>
    public const string Name = "burst";

    /// <inheritdoc/>
    public string Kind => Name;

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["patients without reason", "share without reason", "against own days", "against colleagues", "pace", "at other hours", "review purpose"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        var counts = scan.View.Sessions.CountBy(s => (s.User, s.Day)).ToDictionary(p => p.Key, p => p.Value);
        ILookup<string, int> own = counts.ToLookup(c => c.Key.User, c => c.Value, StringComparer.Ordinal);
        ILookup<string, int> peers = counts.ToLookup(c => DepartmentOf(scan.View, c.Key.User), c => c.Value, StringComparer.Ordinal);
        foreach (IGrouping<(string User, DateOnly Day), AccessSession> day in scan.View.Sessions.GroupBy(s => (s.User, s.Day)))
        {
            AccessSession[] all = [.. day], bare = [.. all.Where(s => !scan.IsExplained(s))];
            if (bare.Length < FewestPatients) continue;
            yield return Judge(scan, day.Key.User, all, bare, own[day.Key.User], peers[DepartmentOf(scan.View, day.Key.User)]);
        }
    }

    private Candidate Judge(ScanContext scan, string user, AccessSession[] all, AccessSession[] bare, IEnumerable<int> own, IEnumerable<int> peers)
    {
        double againstOwn = Ratio(all.Length, own), againstPeers = Ratio(all.Length, peers);
        DateTimeOffset[] times = [.. bare.SelectMany(s => s.Looks).Select(l => l.Time).Order()];
        double pace = times.Length > 1 ? times.Zip(times.Skip(1), (a, b) => (b - a).TotalSeconds).Order().ElementAt((times.Length - 1) / 2) : 3600;
        double night = bare.Average(s => s.First.UtcDateTime.Hour is < 6 or > 18 ? 1.0 : 0);
        double review = bare.Average(s => s.Looks.All(l => l.Purpose is "HQUALIMP" or "PATSFTY" or "HRESCH") ? 1.0 : 0);
        double[] features =
            [Math.Log(bare.Length) - Math.Log(FewestPatients), (double)bare.Length / all.Length, againstOwn, againstPeers, Math.Exp(-pace / 300), night, review];
        string words = string.Create(CultureInfo.InvariantCulture,
            $"On {Day(bare[0].First)} one person opened the records of {all.Length} patients, {bare.Length} of them without any reason on record; the middle of this person's days is {Outliers.Robust(own.Select(c => (double)c)).Median:0}. Half of the looks followed within {pace:0} s.");
        return new Candidate(
            Kind, features, Math.Min(1, 0.4 + (bare.Length / 60.0)), [.. bare.SelectMany(s => s.Looks).Take(MostEvidence).Select(l => new Evidence(l.Id, l.Patient))],
            words, $"burst|{user}|{bare[0].Day:yyyyMMdd}", times[^1]);
    }

    /// <summary>ln of the count over the middle of the days it is compared with.</summary>
    private static double Ratio(int count, IEnumerable<int> days) => Math.Log(count / Math.Max(1, Outliers.Robust(days.Select(d => (double)d)).Median));

    private static string DepartmentOf(FraudView view, string user) => view.Staff.GetValueOrDefault(user)?.Department ?? "";
}
