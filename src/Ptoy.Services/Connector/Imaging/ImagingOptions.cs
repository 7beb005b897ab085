using Ptoy.Services.Connector.Fhir;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>A DICOM server to take studies from, by DICOMweb: section <c>imaging</c> of the connector's configuration.</summary>
public sealed record ImagingOptions : FhirServerOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "studies of a DICOM server are taken by DICOMweb";

    /// <summary>What <c>init</c> writes.</summary>
    public static ImagingOptions Example { get; } = new() { BaseUrl = "https://pacs.example.org/dicom-web" };

    /// <summary>The source among whose patients the studies' patients are looked for.</summary>
    public string PatientSource { get; init; } = EhrConnector.FolderSource;

    /// <summary>
    /// System of the FHIR identifiers that the DICOM server's patient ids (0010,0020) are; absent: any system, as long as only one patient
    /// has the number.
    /// </summary>
    public string? IdentifierSystem { get; init; }

    /// <summary>Seconds from one look to the next.</summary>
    public int IntervalSeconds { get; init; } = 300;

    /// <summary>Looks between the complete ones ask only for studies dated so many days back.</summary>
    public int RecentDays { get; init; } = 30;

    /// <summary>Hours from one complete look to the next.</summary>
    public int CompleteHours { get; init; } = 24;

    /// <inheritdoc/>
    protected override IEnumerable<string> Find()
    {
        foreach (string problem in base.Find()) yield return problem;
        if (PatientSource.Length == 0) yield return "patientSource: missing";
        if (IntervalSeconds is < 1 or > 86_400) yield return $"intervalSeconds: {IntervalSeconds} is not 1 to 86,400";
        if (RecentDays is < 1 or > 3650) yield return $"recentDays: {RecentDays} is not 1 to 3,650";
        if (CompleteHours is < 1 or > 8760) yield return $"completeHours: {CompleteHours} is not 1 to 8,760";
    }
}
