using Ptoy.Protocol.Records;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>What mapping depends on besides the message and what is known: fixed for a feed.</summary>
/// <param name="Source">Name of the feed; part of every id.</param>
/// <param name="Zone">Where times without offset were written.</param>
/// <param name="Keys">Finds patients.</param>
internal sealed record MapSettings(string Source, TimeZoneInfo Zone, PatientKeys Keys);

/// <summary>A resource under construction.</summary>
internal sealed record Draft(string Type, string Id, FhirObject Body);

/// <summary>
/// The mapping of one patient's part of a message: what the mappers read from and write to. Pure: the same message and the same known state
/// give the same bytes.
/// </summary>
internal sealed class MapContext
{
    private readonly List<Draft> _drafts = [];
    private readonly Dictionary<(string Type, string Id), int> _places = [];

    public MapContext(MapSettings settings, Hl7Message message, PatientKey patient)
    {
        (Settings, Message, Patient) = (settings, message, patient);
        Dates = new Hl7Dates(settings.Zone, Hl7Dates.OffsetOf(message.Header.Peek(7).Text));
        PatientId = IdOf("Patient", patient.Text);
    }

    public MapSettings Settings { get; }

    /// <summary>The patient's part only.</summary>
    public Hl7Message Message { get; }

    public PatientKey Patient { get; }

    public Hl7Dates Dates { get; }

    /// <summary>The Patient resource's id.</summary>
    public string PatientId { get; }

    /// <summary>The visit that the message speaks of, once it is mapped.</summary>
    public string? EncounterId { get; set; }

    /// <summary>The account that the message speaks of, once it is mapped.</summary>
    public string? AccountId { get; set; }

    public IReadOnlyList<Draft> Drafts => _drafts;

    public FhirObject Subject => Reference("Patient", PatientId);

    public FhirObject? Encounter => EncounterId is null ? null : Reference("Encounter", EncounterId);

    /// <summary>An id within this feed.</summary>
    public string IdOf(string type, params ReadOnlySpan<string?> parts) => StableId.Of(type, [Settings.Source, .. parts]);

    public static FhirObject Reference(string type, string id, string? display = null) =>
        new FhirObject().Add("reference", $"{type}/{id}").Add("display", display);

    /// <summary>Adds a resource and gives its reference. One of the same type and id takes the former's place.</summary>
    public FhirObject Put(string type, string id, FhirObject body, string? display = null)
    {
        var draft = new Draft(type, id, body);
        if (_places.TryAdd((type, id), _drafts.Count)) _drafts.Add(draft);
        else _drafts[_places[(type, id)]] = draft;
        return Reference(type, id, display);
    }

    public FhirObject? Find(string type, string id) => _places.TryGetValue((type, id), out int at) ? _drafts[at].Body : null;

    /// <summary>A new body: type and id come first.</summary>
    public static FhirObject Begin(string type, string id) => new FhirObject().Add("resourceType", type).Add("id", id);

    /// <summary>A time from a field; one that cannot be read counts as not mapped.</summary>
    public string? Time(Hl7Segment segment, int field, int component = 1) =>
        Checked(segment, field, Dates.DateTime(segment[field][component].Text));

    public static string? Day(Hl7Segment segment, int field) => Checked(segment, field, Hl7Dates.Date(segment[field].Text));

    private static string? Checked(Hl7Segment segment, int field, string? time)
    {
        if (time is null) segment.LeftOut(field);
        return time;
    }

    /// <summary>Adds security labels to a resource.</summary>
    public static void Label(FhirObject body, IReadOnlyCollection<string> labels)
    {
        if (labels.Count == 0) return;
        var meta = new FhirObject();
        foreach (string label in labels) meta.Append("security", DataTypes.Coding(CodeSystems.Labels, label));
        body.Add("meta", meta);
    }

    /// <summary>The compartment of a resource as its bytes say.</summary>
    public static string CompartmentOf(FhirObject body) => FhirScan.CompartmentOf(body.ToBytes());
}
