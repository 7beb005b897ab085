using System.Globalization;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Back;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>How far a round is.</summary>
/// <param name="Type">What is being read.</param>
/// <param name="Resources">Resources read in this round.</param>
/// <param name="Stored">Versions newly stored in this round.</param>
public sealed record RestProgress(string Type, int Resources, int Stored);

/// <summary>What a round came to.</summary>
/// <param name="Resources">Resources read.</param>
/// <param name="Stored">Versions newly stored.</param>
/// <param name="Refused">Resources that could not be taken.</param>
/// <param name="Repeats">Requests that had to be repeated since the start.</param>
internal sealed record RestRound(int Resources, int Stored, int Refused, int Repeats);

/// <summary>
/// Takes a FHIR server in, round by round. How far each type, or each patient, was read is remembered after every page or so: a round that was
/// cut off goes on there. What the server deleted stays: a record does not forget.
/// </summary>
internal sealed class RestIntake
{
    /// <summary>Read first: what patients' resources refer to has to be there when they come.</summary>
    private static readonly string[] SharedFirst =
        ["Organization", "Location", "Practitioner", "PractitionerRole", "HealthcareService", "Medication", "Substance", "Endpoint", "Patient"];

    /// <summary>Never a part of anybody's record.</summary>
    private static readonly HashSet<string> NotRecords = new(StringComparer.Ordinal)
    {
        "AuditEvent", "CapabilityStatement", "CodeSystem", "ConceptMap", "ImplementationGuide", "NamingSystem", "OperationDefinition", "Parameters",
        "SearchParameter", "StructureDefinition", "StructureMap", "Subscription", "TestScript", "ValueSet",
    };

    private readonly RestIntakeOptions _options;
    private readonly FhirClient _client;
    private readonly ConnectorState _state;
    private readonly IIntake _intake;
    private readonly SharedResources _shared;
    private readonly Func<CancellationToken, Task> _makeRoom;
    private readonly SealedTable _cursors;
    private readonly ILogger _log;

    public RestIntake(
        RestIntakeOptions options, FhirClient client, ConnectorState state, IIntake intake, SharedResources shared, Func<CancellationToken, Task> makeRoom,
        ILogger log)
    {
        (_options, _client, _state, _intake, _shared, _makeRoom, _log) = (options, client, state, intake, shared, makeRoom, log);
        _cursors = state.Store.Table("rest");
    }

    /// <summary>One round over everything. Throws <see cref="FhirServerException"/> when the server does not let it end.</summary>
    public async Task<RestRound> RunAsync(IProgress<RestProgress>? progress, CancellationToken cancellation)
    {
        ServerAbilities abilities = await _client.GetAsync("metadata", ServerAbilities.Read, cancellation);
        var sink = new Sink(this, progress);
        bool everything = _options.Mode == RestMode.Everything || (_options.Mode == RestMode.Auto && abilities.HasEverything && !CanSearch(abilities));
        if (everything && !abilities.HasEverything) throw new FhirServerException(0, "mode: the server does not offer Patient/$everything");
        foreach (string type in everything ? ["Patient"] : TypesOf(abilities))
        {
            sink.Begin(type, everything ? $"{_options.Source}/everything-patients" : $"{_options.Source}/{type}");
            await new TypeSweep(_client, type, _options.PageSize, sink).RunAsync(sink.Since(_options.OverlapSeconds), cancellation);
            await sink.FlushAsync(cancellation);
        }
        if (everything) await EverythingAsync(sink, cancellation);
        return new RestRound(sink.Count.Resources, sink.Count.Stored, sink.Refused, _client.Repeats);
    }

    private IEnumerable<string> TypesOf(ServerAbilities abilities)
    {
        string[] types = _options.Types.Length > 0 ? _options.Types : [.. abilities.Types.Where(t => !NotRecords.Contains(t))];
        return SharedFirst.Where(types.Contains).Concat(types.Except(SharedFirst).Order(StringComparer.Ordinal));
    }

    /// <summary>A server that lets only patients be searched wants to be asked patient by patient.</summary>
    private static bool CanSearch(ServerAbilities abilities) => abilities.Types.Any(t => !SharedFirst.Contains(t));

    private async Task EverythingAsync(Sink sink, CancellationToken cancellation)
    {
        foreach (ConnectorPatient patient in _state.Patients.Values.Where(p => p.Source == _options.Source && p.SourceId.Length > 0).OrderBy(p => p.Number).ToArray())
        {
            sink.Begin("$everything", $"{_options.Source}/everything/{patient.SourceId}");
            string since = sink.Since(_options.OverlapSeconds) is { } from ? $"&_since={from.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}" : "";
            string id = Uri.EscapeDataString(patient.SourceId);
            await new TypeSweep(_client, "Patient", _options.PageSize, sink).RunListAsync(
                string.Create(CultureInfo.InvariantCulture, $"Patient/{id}/$everything?_count={_options.PageSize}{since}"), cancellation);
            await sink.FlushAsync(cancellation);
        }
    }

    /// <summary>Sorts what comes, and remembers how far it is once that is durable.</summary>
    private sealed class Sink(RestIntake owner, IProgress<RestProgress>? progress) : ISweepSink
    {
        private const int CommitEvery = 1000;
        private readonly ResourceSorter _sorter = new(owner._options.Source, owner._intake, owner._shared, isCurrent: true, owner._makeRoom);
        private string _type = "";
        private string _key = "";
        private int _uncommitted;
        private int _read;
        private DateTimeOffset? _reached;

        public SortedCount Count => _sorter.Count;

        /// <summary>Resources that cannot be taken; the others go on.</summary>
        public int Refused { get; private set; }

        public void Begin(string type, string key) => (_type, _key, _reached) = (type, key, null);

        public DateTimeOffset? Since(int overlapSeconds) =>
            owner._cursors.Get(_key) is { } row ? ConnectorState.Read<DateTimeOffset>(row) - TimeSpan.FromSeconds(overlapSeconds) : null;

        public async Task TakeAsync(IReadOnlyList<FoundResource> found, CancellationToken cancellation)
        {
            foreach (FoundResource resource in found)
            {
                // What we delivered to this EHR is not its own: it would come back to the patient as a duplicate.
                if (BackBundle.IsDelivered(resource.Bytes.Span)) continue;
                if (Intake.Problem(resource.Head) is { } problem)
                {
                    owner._log.LogWarning("rest: a {Type} is not taken: {Problem}", _type, problem);
                    Refused++;
                    continue;
                }
                await _sorter.AddAsync(resource.Head, resource.Bytes, cancellation);
            }
            _uncommitted += found.Count;
            _read += found.Count;
            progress?.Report(new RestProgress(_type, _read, _sorter.Count.Stored));
        }

        public async Task CommitAsync(DateTimeOffset reached, CancellationToken cancellation)
        {
            _reached = reached;
            if (_uncommitted >= CommitEvery) await FlushAsync(cancellation);
        }

        public async Task FlushAsync(CancellationToken cancellation)
        {
            await _sorter.FlushAsync(cancellation);
            _uncommitted = 0;
            if (_reached is { } reached) owner._state.Store.Write(b => b.Put(owner._cursors, _key, ConnectorState.Bytes(reached)));
        }
    }
}
