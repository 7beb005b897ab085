using Ptoy.Services.Fraud.Facts;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>One record behind a finding, and whose it is.</summary>
internal sealed record Evidence(string Id, string Patient);

/// <summary>Something that a detector points at. A model turns its features into a probability.</summary>
/// <param name="Kind">The detector's name.</param>
/// <param name="Features">In the order of <see cref="IDetector.Features"/>.</param>
/// <param name="Strength">The rule's own judgement, 0 to 1, without any learning.</param>
/// <param name="Evidence">Records behind it; never empty.</param>
/// <param name="Why">Plain words: what was seen and why it stands out. No name, no number that identifies.</param>
/// <param name="Fold">Candidates with the same value are one matter; the strongest stands for all.</param>
/// <param name="Time">When the last of it happened.</param>
internal sealed record Candidate(
    string Kind, double[] Features, double Strength, IReadOnlyList<Evidence> Evidence, string Why, string Fold, DateTimeOffset Time);

/// <summary>Looks for one kind of fraud. Pure: the same facts, the same candidates.</summary>
internal interface IDetector
{
    /// <summary>Name of what it finds, as in models, reports and queues.</summary>
    string Kind { get; }

    /// <summary>Names of its features.</summary>
    IReadOnlyList<string> Features { get; }

    /// <summary>Everything worth a model's judgement: generous, since the model and the budget decide.</summary>
    IEnumerable<Candidate> Find(ScanContext scan);
}

/// <summary>What several detectors need, computed once.</summary>
internal sealed class ScanContext
{
    private readonly Lazy<Dictionary<string, double>> _claims;
    private readonly Lazy<(AccessReasons Reasons, Dictionary<AccessSession, bool> Explained)> _access;
    private readonly Lazy<ILookup<string, VisitFact>> _visits;

    public ScanContext(FraudView view)
    {
        View = view;
        _claims = new(() => ClaimOutliers.Ranks(view));
        _visits = new(() => view.Visits.ToLookup(v => v.Patient, StringComparer.Ordinal));
        _access = new(() =>
        {
            var reasons = new AccessReasons(view);
            return (reasons, view.Sessions.ToDictionary(s => s, s => reasons.Find(s) is not null, (IEqualityComparer<AccessSession>)ReferenceEqualityComparer.Instance));
        });
    }

    public FraudView View { get; }

    public AccessReasons Reasons => _access.Value.Reasons;

    /// <summary>How unusual a claim is, 0 to 1, by detectors that know nothing of fraud.</summary>
    public double Unusual(ClaimFact claim) => _claims.Value[claim.Id];

    public bool IsExplained(AccessSession session) => _access.Value.Explained[session];

    /// <summary>True when there is an encounter of the claim's patient with the claim's practitioner at the claim's time: written by others than the biller, often.</summary>
    public bool IsDocumented(ClaimFact claim) => _visits.Value[claim.Patient].Any(v =>
        v.Happened && v.From < claim.To.AddHours(1) && claim.From < v.To.AddHours(1) && (claim.Practitioner.Length == 0 || v.Practitioners.Contains(claim.Practitioner))
        && (claim.Location.Length == 0 || v.Location.Length == 0 || v.Location == claim.Location));

    /// <summary>All detectors.</summary>
    public static IReadOnlyList<IDetector> Detectors { get; } =
    [
        new DuplicateDetector(), new UnbundlingDetector(), new TravelDetector(), new AfterDeathDetector(), new DoctorShoppingDetector(),
        new UnexplainedAccessDetector(), new BurstDetector(), new SharedPhoneDetector(), new TakeoverDetector(), new UnusualClaimDetector(),
    ];
}
