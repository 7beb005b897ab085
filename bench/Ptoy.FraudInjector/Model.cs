namespace Ptoy.FraudInjector;

internal sealed record Site(string Id, Hospital Hospital, double Latitude, double Longitude);

internal sealed class Hospital
{
    public required string Id { get; init; }

    public required int Town { get; init; }

    public List<Site> Sites { get; } = [];

    /// <summary>What this hospital asks, relative to the list price.</summary>
    public required double PriceLevel { get; init; }

    public List<Worker> Staff { get; } = [];

    public List<Worker> In(string department) => [.. Staff.Where(w => w.Department == department)];
}

internal sealed class Worker
{
    public required string Id { get; init; }

    public required Hospital Hospital { get; init; }

    public required string Department { get; init; }

    public required Household Home { get; init; }

    public required string Family { get; init; }

    /// <summary>Works at this hospital too, on some days.</summary>
    public Hospital? LocumAt { get; set; }

    public bool Nights { get; set; }

    public Site Site { get; set; } = null!;
}

internal sealed record Household(int Town, string Street, int Number, double Latitude, double Longitude);

internal sealed class Person
{
    public required string Id { get; init; }

    public required Household Home { get; set; }

    public required string Family { get; init; }

    public required DateTime Born { get; init; }

    public required string Phone { get; set; }

    public required Hospital Hospital { get; set; }

    public required Worker Doctor { get; set; }

    /// <summary>Most records name the general practitioner.</summary>
    public required bool DoctorOnRecord { get; init; }

    public Hospital? Employer { get; set; }

    public DateTime? Died { get; set; }

    /// <summary>Expected visits a year.</summary>
    public double Need { get; set; }

    /// <summary>First day with an account of the network.</summary>
    public DateTime Joined { get; set; }
}

internal sealed record Line(string Code, string Modifier, double Price);

internal sealed record Meeting(string Id, Person Person, Worker Worker, Site Site, DateTime From, DateTime To, string Class, bool Booked);

internal sealed record Bill(
    string Id, Person Person, Worker Worker, Site Site, DateTime From, DateTime To, DateTime Created, IReadOnlyList<Line> Lines, string PlaceOfService,
    string? Replaces = null, string? Meeting = null);

internal sealed record Script(string Id, Person Person, Worker Worker, DateTime Time, string Drug, int Days);

internal sealed record Look(string Id, string User, Person Person, DateTime Time, string Purpose, bool Permitted = true, bool Emergency = false);

/// <summary>Referral, order or care team.</summary>
internal sealed record Bond(string Id, string Type, Person Person, string? Worker, string? Hospital, string? Department, DateTime From, DateTime? To);

internal sealed record Change(string Id, Person Person, DateTime Time, bool NewDevice, Hospital? Hospital);

internal sealed record Incident(string Kind, IReadOnlyList<string> References);

/// <summary>Everything that happened in the made-up year.</summary>
internal sealed class Year
{
    public static readonly DateTime Start = new(2025, 1, 6, 0, 0, 0, DateTimeKind.Utc);

    public const int Days = 364;

    public List<Hospital> Hospitals { get; } = [];

    public List<Person> People { get; } = [];

    public List<Worker> Workers { get; } = [];

    public List<Meeting> Meetings { get; } = [];

    public List<Bill> Bills { get; } = [];

    public List<Script> Scripts { get; } = [];

    public List<Look> Looks { get; } = [];

    public List<Bond> Bonds { get; } = [];

    public List<Change> Changes { get; } = [];

    public List<Incident> Incidents { get; } = [];

    public static DateTime End => Start.AddDays(Days);
}
