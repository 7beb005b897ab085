using System.Globalization;
using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>A new device, and soon after a hospital that this patient never had: what a stolen identity looks like, and what moving house looks like.</summary>
internal sealed class TakeoverDetector : IDetector
{
    private static readonly TimeSpan Within = TimeSpan.FromDays(21);

    /// <inheritdoc/>
    public string Kind => "takeover";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["days between", "distance", "seen there before", "seen elsewhere after", "seen there after"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        foreach (string patient in scan.View.Patients)
        {
            AccountFact[] changes = [.. scan.View.Of(patient).AccountChanges.OrderBy(c => c.Time)];
            foreach (AccountFact device in changes.Where(c => c.NewDevice))
                if (changes.FirstOrDefault(c => !c.NewDevice && c.Time >= device.Time && c.Time - device.Time <= Within) is { } hospital) yield return Judge(scan, patient, device, hospital);
        }
    }

    private Candidate Judge(ScanContext scan, string patient, AccountFact device, AccountFact hospital)
    {
        ClaimFact[] claims = scan.View.ClaimsByPatient.GetValueOrDefault(patient, []);
        bool Here(ClaimFact c) => scan.View.OrganisationOf(c) == hospital.Organisation;
        bool before = claims.Any(c => Here(c) && c.From < device.Time), elsewhere = claims.Any(c => !Here(c) && c.From > hospital.Time), after = claims.Any(c => Here(c) && c.From > hospital.Time);
        GeoPoint? place = scan.View.Places.Values.Where(p => p.Organisation == hospital.Organisation).Select(p => p.At).FirstOrDefault(p => p is not null);
        double distance = scan.View.Person(patient)?.Home is { } home && place is { } at ? home.KilometresTo(at) : 0, days = (hospital.Time - device.Time).TotalDays;
        string words = string.Create(CultureInfo.InvariantCulture,
            $"{days:0.#} days after a new device (on {Day(device.Time)}) a hospital was added in which the patient {(before ? "had been before" : "had never been")}{(distance > 0 ? $", {distance:0} km from home" : "")}.")
            + (elsewhere ? " Visits to the hospitals of before go on." : "");
        double strength = Math.Clamp(0.4 + (distance > 30 ? 0.3 : 0) - (before ? 0.3 : 0) - (days / 40), 0.05, 1);
        return new Candidate(
            Kind, [days / 5, Math.Log(1 + distance) / 5, Flag(before), Flag(elsewhere), Flag(after)], strength, [new(device.Id, patient), new(hospital.Id, patient)], words,
            "takeover|" + patient, hospital.Time);
    }
}
