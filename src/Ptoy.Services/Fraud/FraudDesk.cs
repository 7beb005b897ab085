using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Protocol.Audit;
using Ptoy.Services.Common;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Facts;
using Ptoy.Services.Fraud.Review;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Fraud;

/// <summary>
/// The service without its surroundings: takes facts, scans, keeps the queue. Facts about a patient lie in that patient's partition of the store; memory holds a copy. Safe for
/// concurrent use.
/// </summary>
internal sealed class FraudDesk
{
    private const string FactsTable = "fraud-facts", FromRecords = "records", FromLog = "log", Secret = "relations";
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly SealedStore _store;
    private readonly FraudModel _model;
    private readonly RelationTokens _tokens;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private readonly FraudFacts _directory = new();
    private readonly Dictionary<string, (PatientFacts Records, PatientFacts Log)> _patients = new(StringComparer.Ordinal);

    public FraudDesk(SealedStore store, FraudModel model, int dailyBudget, TimeProvider clock)
    {
        (_store, _model, _clock) = (store, model, clock);
        byte[] secret = SecretOf(store);
        _tokens = new RelationTokens(secret);
        Queue = new ReviewQueue(store, dailyBudget, secret);
        foreach (string owner in store.Owners)
        {
            SealedTable table = store.Partition(owner).Table(FactsTable);
            if (table.Get(FromRecords) is not null || table.Get(FromLog) is not null) _patients[owner] = (Load(table, FromRecords), Load(table, FromLog));
        }
    }

    /// <summary>What reviewers see.</summary>
    public ReviewQueue Queue { get; }

    /// <summary>The patients who let the service look.</summary>
    public IReadOnlyList<string> Patients
    {
        get
        {
            lock (_lock) return [.. _patients.Keys];
        }
    }

    /// <summary>Resources that could not be read, since the start.</summary>
    public int Unreadable { get; private set; }

    /// <summary>Takes a hospital's directory: FHIR Practitioner, PractitionerRole, Organization, Location, one a line. Throws <see cref="FormatException"/> naming the line.</summary>
    public void TakeDirectory(IEnumerable<string> lines, string name)
    {
        lock (_lock)
        {
            var reader = new FactReader(_directory, _tokens);
            int number = 0;
            foreach (string line in lines)
            {
                number++;
                if (string.IsNullOrWhiteSpace(line)) continue;
                try
                {
                    reader.Read(System.Text.Encoding.UTF8.GetBytes(line));
                }
                catch (FormatException e)
                {
                    throw new FormatException($"{name}: line {number}: {e.Message}");
                }
            }
            if (_directory.Patients.Count > 0) throw new FormatException($"{name}: a directory has practitioners, roles, organisations and locations, and nothing about patients");
        }
    }

    /// <summary>All of a patient's records, as they are now.</summary>
    public void Take(string patient, IEnumerable<(string RecordId, ReadOnlyMemory<byte> Resource)> records, IReadOnlyList<(string Organisation, DateTimeOffset First)> hospitals)
    {
        var read = new FraudFacts();
        var reader = new FactReader(read, _tokens);
        int unreadable = 0;
        foreach ((string id, ReadOnlyMemory<byte> resource) in records)
        {
            try
            {
                reader.Read(resource, id, patient);
            }
            catch (FormatException)
            {
                // A record may be anything; one that is no FHIR resource is no fact, and stops no other.
                unreadable++;
            }
        }
        reader.Complete();
        PatientFacts facts = read.Of(patient);
        lock (_lock)
        {
            Unreadable += unreadable;
            facts.AccountChanges.AddRange(hospitals.Select(h => new AccountFact($"{h.Organisation} since {h.First:yyyy-MM-dd}", patient, h.First, false, _directory.IdOf(h.Organisation))));
            PatientFacts log = _patients.GetValueOrDefault(patient).Log ?? new PatientFacts();
            facts.AccountChanges.AddRange(_patients.GetValueOrDefault(patient).Records?.AccountChanges.Where(c => c.NewDevice) ?? []);
            Keep(patient, FromRecords, facts);
            _patients[patient] = (facts, log);
        }
    }

    /// <summary>A patient's access log, as it is now, of all nodes that were asked. Does nothing for a patient who is gone.</summary>
    public void TakeLog(string patient, IEnumerable<AccessEntry> entries)
    {
        lock (_lock)
        {
            if (!_patients.TryGetValue(patient, out (PatientFacts Records, PatientFacts Log) known)) return;
            var log = new PatientFacts();
            AccessLogReader.Take(log, _directory, entries);
            Keep(patient, FromLog, log);
            _patients[patient] = (known.Records, log);
        }
    }

    /// <summary>The patient lets the service see the access log no more: what was derived from it goes. Does nothing when there was none.</summary>
    public void ForgetLog(string patient)
    {
        lock (_lock)
        {
            if (!_patients.TryGetValue(patient, out (PatientFacts Records, PatientFacts Log) known) || known.Log.Accesses.Count == 0) return;
            Queue.Forget(patient, kind => kind is UnexplainedAccessDetector.Name or BurstDetector.Name);
            Keep(patient, FromLog, new PatientFacts());
            _patients[patient] = (known.Records, new PatientFacts());
        }
    }

    /// <summary>This account came in the place of another one of the same person: a new device. Does nothing when that is known.</summary>
    public void TakeNewDevice(string patient, DateTimeOffset time)
    {
        lock (_lock)
        {
            if (!_patients.TryGetValue(patient, out (PatientFacts Records, PatientFacts Log) facts) || facts.Records.AccountChanges.Any(c => c.NewDevice && c.Time == time)) return;
            facts.Records.AccountChanges.Add(new AccountFact($"new key since {time:yyyy-MM-dd}", patient, time, true, patient));
            Keep(patient, FromRecords, facts.Records);
        }
    }

    /// <summary>Deletes everything derived from a patient, alerts included, whether or not the patient's partition was destroyed before.</summary>
    public void Forget(string patient)
    {
        lock (_lock)
        {
            Queue.Forget(patient);
            _patients.Remove(patient);
            // The partition itself belongs to who follows the grant, who destroys it.
            if (!_store.HasPartition(patient)) return;
            SealedTable table = _store.Partition(patient).Table(FactsTable);
            table.Delete(FromRecords);
            table.Delete(FromLog);
        }
    }

    /// <summary>Looks through everything and offers what is found to the queue. Returns how many alerts were opened for review.</summary>
    public int Scan()
    {
        FraudView view = new(Snapshot());
        IReadOnlyList<Finding> ranking = FraudScan.Rank(FraudScan.Candidates(view), Probability, ReviewQueue.MostWaiting);
        lock (_lock)
        {
            // Somebody may have left while this ran.
            return Queue.Offer([.. ranking.Where(f => f.Candidate.Evidence.All(e => _patients.ContainsKey(e.Patient)))], _clock.GetUtcNow());
        }
    }

    /// <summary>The model's probability, shifted by what reviewers decided about this kind.</summary>
    private double Probability(Candidate candidate) => 1 / (1 + Math.Exp(-_model.Logit(candidate) - Queue.ShiftOf(candidate.Kind)));

    private FraudFacts Snapshot()
    {
        lock (_lock)
        {
            var facts = new FraudFacts();
            facts.Directory.Staff.AddRange(_directory.Directory.Staff);
            facts.Directory.Places.AddRange(_directory.Directory.Places);
            foreach ((string patient, (PatientFacts records, PatientFacts log)) in _patients)
            {
                facts.Patients[patient] = new PatientFacts
                {
                    Claims = [.. records.Claims], Visits = [.. records.Visits], Prescriptions = [.. records.Prescriptions], Ties = [.. records.Ties],
                    Accesses = [.. records.Accesses, .. log.Accesses], AccountChanges = [.. records.AccountChanges], Persons = [.. records.Persons],
                    Staff = [.. log.Staff, .. records.Staff], Places = [.. records.Places],
                };
            }
            return facts;
        }
    }

    private void Keep(string patient, string row, PatientFacts facts) =>
        _store.Partition(patient).Table(FactsTable).Put(row, JsonSerializer.SerializeToUtf8Bytes(facts, Json));

    private static PatientFacts Load(SealedTable table, string row) =>
        table.Get(row) is { } value ? JsonSerializer.Deserialize<PatientFacts>(value, Json)! : new PatientFacts();

    /// <summary>The service's own key for tokens and ids; made at the first start.</summary>
    private static byte[] SecretOf(SealedStore store)
    {
        SealedTable table = store.Table("fraud-secret");
        if (table.Get(Secret) is { } known) return known;
        byte[] made = RandomNumberGenerator.GetBytes(32);
        table.Put(Secret, made);
        return made;
    }
}
