using Ptoy.Services.Hosting;

namespace Ptoy.Services.Grants;

/// <summary>How a grant feed works.</summary>
public sealed record FeedOptions : IPartOptions
{
    /// <summary>Seconds after which each patient's grant is looked at again, whatever events said.</summary>
    public int SweepSeconds { get; init; } = 60;

    /// <summary>Patients looked at in a second at most, so that a sweep over many does not crowd the node.</summary>
    public int PatientsPerSecond { get; init; } = 20;

    /// <summary>Patients followed; those above are left out and health says so.</summary>
    public int MaxPatients { get; init; } = 100_000;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (SweepSeconds is < 1 or > 86_400) problems.Add($"sweepSeconds: {SweepSeconds} is not 1 to 86400");
        if (PatientsPerSecond is < 1 or > 10_000) problems.Add($"patientsPerSecond: {PatientsPerSecond} is not 1 to 10000");
        if (MaxPatients is < 1 or > 10_000_000) problems.Add($"maxPatients: {MaxPatients} is not 1 to 10000000");
        return problems;
    }
}

/// <summary>A service as grantee: its account, the name that patients see, the purpose it reads for.</summary>
/// <param name="Account">Certified by the key authority with the roles organisation and service (or organisation).</param>
/// <param name="Name">What patients see.</param>
/// <param name="Purpose">HL7 purpose of use that it reads for, such as CAREMGT, HPAYMT or HRESCH; patients grant for it.</param>
public sealed record GranteeOptions(AccountOptions Account, string Name, string Purpose = "CAREMGT") : IPartOptions
{
    /// <summary>Role whose team key records are sealed to.</summary>
    public string Role { get; init; } = "service";

    /// <summary>How its grants are followed.</summary>
    public FeedOptions Feed { get; init; } = new();

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (Name.Length is 0 or > 128) problems.Add("name: not 1 to 128 characters");
        if (Purpose.Length is 0 or > 64 || !Purpose.All(char.IsAsciiLetterUpper)) problems.Add($"purpose: '{Purpose}' is not an HL7 purpose of use such as CAREMGT");
        if (Role.Length is 0 or > 32 || !Role.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')) problems.Add($"role: '{Role}' is not 1 to 32 lower-case letters, digits or hyphens");
        problems.AddRange(Feed.Problems().Select(p => $"feed.{p}"));
        return problems;
    }
}
