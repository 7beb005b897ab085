using System.Globalization;
using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>One patient, controlled drugs from several prescribers of several houses, supplies that overlap.</summary>
internal sealed class DoctorShoppingDetector : IDetector
{
    private static readonly TimeSpan Window = TimeSpan.FromDays(90);

    /// <inheritdoc/>
    public string Kind => "doctor-shopping";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["prescribers", "houses", "prescriptions", "overlap between prescribers", "days supplied", "one ingredient"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        foreach (string patient in scan.View.Patients)
        {
            PrescriptionFact[] all = [.. scan.View.Of(patient).Prescriptions.Where(p => p.Drug is not null).OrderBy(p => p.Time)];
            Candidate? best = null;
            for (int i = 0; i < all.Length; i++)
            {
                PrescriptionFact[] window = [.. all.Skip(i).TakeWhile(p => p.Time - all[i].Time <= Window)];
                if (Judge(scan, patient, window) is { } found && found.Strength > (best?.Strength ?? 0)) best = found;
            }
            if (best is not null) yield return best;
        }
    }

    private Candidate? Judge(ScanContext scan, string patient, PrescriptionFact[] window)
    {
        int prescribers = window.Select(p => p.Prescriber).Distinct().Count();
        if (prescribers < 3) return null;
        int houses = window.Select(p => scan.View.Staff.GetValueOrDefault(p.Prescriber)?.Organisation ?? p.Prescriber).Distinct().Count();
        double supplied = window.Sum(p => p.Days), overlap = OverlapDays(window);
        double ingredients = window.Select(p => p.Drug).Distinct().Count();
        double[] features =
        [
            Math.Log(prescribers - 2 + 1), Math.Log(houses), Math.Log(window.Length), Math.Min(2, overlap / 30), Math.Min(3, supplied / Window.TotalDays), 1 / ingredients,
        ];
        double strength = Math.Min(1, (0.12 * (prescribers - 2)) + (0.15 * (houses - 1)) + (0.2 * Math.Min(2, overlap / 30)));
        string words = string.Create(CultureInfo.InvariantCulture,
            $"{window.Length} prescriptions of controlled drugs ({string.Join(", ", window.Select(p => p.Drug).Distinct())}) from {prescribers} prescribers in {houses} houses between {Day(window[0].Time)} and {Day(window[^1].Time)}; on {overlap:0} days supplies of different prescribers overlap.");
        return new Candidate(Kind, features, strength, [.. window.Select(p => new Evidence(p.Id, patient))], words, "shopping|" + patient, window[^1].Time);
    }

    /// <summary>Days on which supplies of more than one prescriber run.</summary>
    private static double OverlapDays(PrescriptionFact[] window)
    {
        double days = 0;
        for (int i = 0; i < window.Length; i++)
        {
            DateTimeOffset until = window.Take(i).Where(p => p.Prescriber != window[i].Prescriber).Select(p => p.Time.AddDays(p.Days)).DefaultIfEmpty(DateTimeOffset.MinValue).Max();
            days += Math.Clamp((until - window[i].Time).TotalDays, 0, window[i].Days);
        }
        return days;
    }
}
