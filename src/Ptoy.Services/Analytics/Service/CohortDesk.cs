using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Service;

/// <summary>What an analyst gets.</summary>
/// <param name="Study">The study.</param>
/// <param name="Answer">The answer, with noise.</param>
/// <param name="Left">Micro-epsilon left of the study's budget.</param>
/// <param name="AsOf">When it was computed.</param>
/// <param name="IsKept">An answer given before, at no cost.</param>
public sealed record StudyAnswer(long Study, CohortAnswer Answer, long Left, DateTimeOffset AsOf, bool IsKept);

/// <summary>A table for the hospital's own use, small counts withheld.</summary>
/// <param name="Rows">Labels of the rows.</param>
/// <param name="Columns">Labels of the columns; one without text where there is one dimension.</param>
/// <param name="Counts">By row, then column; null: withheld.</param>
/// <param name="Total">Of everything; null: withheld.</param>
/// <param name="Threshold">Counts below this, zero apart, are withheld.</param>
public sealed record HospitalTable(IReadOnlyList<string> Rows, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<long?>> Counts, long? Total, int Threshold);

/// <summary>
/// Holds the facts of consenting patients, each in the patient's partition, and answers questions about all of them: one question at a time, paid for on chain
/// before the answer leaves. When a patient leaves, facts and database go at once, and so do the kept answers, in which the patient took part.
/// </summary>
internal sealed class CohortDesk(SealedStore store, IStudyLedger ledger, CohortLimits limits, string self, TimeProvider time, DiscreteLaplace? noise = null)
    : IGrantConsumer, IDisposable
{
    private const string FactsTable = "cohort", FactsKey = "facts";
    private static readonly TimeSpan PendingLife = TimeSpan.FromMinutes(15);
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly SealedTable _answers = store.Table("answers"), _pending = store.Table("pending");
    private CohortDatabase? _database;
    private volatile bool _isStale = true;
    private int _waiting;

    /// <summary>Questions waiting for their turn, the one that is answered included.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <inheritdoc/>
    public async Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
    {
        PatientFacts facts = PatientFacts.Of(records, self);
        SealedTable table = store.Partition(records.Patient.ToString()).Table(FactsTable);
        await _one.WaitAsync(cancellation);
        try
        {
            // Less than before means that a grant was narrowed: answers in which the rest took part go.
            if (table.Get(FactsKey) is { } before && LacksAny(PatientFacts.FromJson(before), facts)) ForgetAnswers();
            table.Put(FactsKey, facts.ToJson());
            _isStale = true;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public async Task PatientGoneAsync(Address patient, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            ForgetAnswers();
            _database?.Dispose();
            (_database, _isStale) = (null, true);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>
    /// Answers a question. The same question of a study gets the answer given before unless <paramref name="fresh"/>. Throws
    /// <see cref="StudyRefusedException"/>, <see cref="RateLimitException"/> when too many wait.
    /// </summary>
    public Task<StudyAnswer> AskAsync(long study, Address analyst, CohortQuery query, bool fresh, CancellationToken cancellation) => InTurnAsync(async () =>
    {
        if (!await ledger.MayAskAsync(study, analyst, cancellation)) throw new StudyRefusedException("this account may not put questions to this study, or there is no such open study");
        await RecoverAsync(cancellation);
        string key = $"{study.ToString(CultureInfo.InvariantCulture)}|{Digest(JsonSerializer.SerializeToUtf8Bytes(query, CohortQuery.Json))}";
        if (!fresh && _answers.Get(key) is { } kept)
        {
            Released before = JsonSerializer.Deserialize<Released>(kept)!;
            return new StudyAnswer(study, before.Answer, await ledger.LeftAsync(study, cancellation), before.At, true);
        }
        // Before anything is computed: a question that cannot be paid must not cost more than this.
        if (await ledger.LeftAsync(study, cancellation) < query.MicroEpsilon) throw new StudyRefusedException("epsilon: more than is left of the study's budget", isBudget: true);
        CohortAnswer answer = new PrivateRelease(noise ?? DiscreteLaplace.Secure, limits.Threshold).Of(query, Counter().Count(query));
        var released = new Released(key, study, answer, time.GetUtcNow());
        // The digest on chain is salted: the few questions that make sense could be guessed from a plain one.
        Hash digest = Hash.Parse(Digest([.. RandomNumberGenerator.GetBytes(32), .. Encoding.UTF8.GetBytes(key)]));
        _pending.Put(digest.ToString(), JsonSerializer.SerializeToUtf8Bytes(released));
        long left;
        try
        {
            left = await ledger.SpendAsync(study, query.MicroEpsilon, digest, cancellation);
        }
        catch (StudyRefusedException)
        {
            _pending.Delete(digest.ToString());
            throw;
        }
        Keep(digest.ToString(), released);
        return new StudyAnswer(study, answer, left, released.At, false);
    }, cancellation);

    /// <summary>Exact tables of the configuration, for who works here. Throws <see cref="StudyRefusedException"/> for others.</summary>
    public Task<IReadOnlyList<HospitalTable>> TablesAsync(IReadOnlyList<CohortQuery> tables, Address account, CancellationToken cancellation) => InTurnAsync(async () =>
    {
        if (!await ledger.IsOursAsync(account, cancellation)) throw new StudyRefusedException("tables are for the organisation's own employees");
        return (IReadOnlyList<HospitalTable>)[.. tables.Select(TableOf)];
    }, cancellation);

    /// <summary>Writes the configured extract. Throws <see cref="StudyRefusedException"/> for anybody but the organisation's own people.</summary>
    public Task<ExtractReport> ExtractAsync(ExtractQuery query, Address account, Stream output, CancellationToken cancellation) => InTurnAsync(async () =>
    {
        if (!await ledger.IsOursAsync(account, cancellation)) throw new StudyRefusedException("extracts are for the organisation's own employees");
        return await CohortExtract.WriteAsync(query, [.. AllFacts()], time.GetUtcNow().Year, output, cancellation);
    }, cancellation);

    /// <summary>Answers whose payment was under way when the daemon died: paid ones are kept for who asks again, the others forgotten.</summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        foreach ((string digest, byte[] row) in _pending.Scan().ToArray())
        {
            Released released = JsonSerializer.Deserialize<Released>(row)!;
            if (await ledger.IsPaidAsync(released.Study, Hash.Parse(digest), cancellation)) Keep(digest, released);
            // A payment that is still on its way would be in vain if its answer were forgotten too soon.
            else if (time.GetUtcNow() - released.At > PendingLife) _pending.Delete(digest);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _database?.Dispose();
        _one.Dispose();
    }

    private async Task<T> InTurnAsync<T>(Func<Task<T>> work, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _waiting) > limits.MaxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new RateLimitException("questions about cohorts");
        }
        try
        {
            await _one.WaitAsync(cancellation);
            try { return await work(); }
            finally { _one.Release(); }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private CohortCounter Counter()
    {
        if (_isStale || _database is null)
        {
            _database?.Dispose();
            _isStale = false;
            _database = CohortDatabase.Build(AllFacts(), limits.MemoryMegabytes);
        }
        return new CohortCounter(_database, time.GetUtcNow().Year);
    }

    private IEnumerable<PatientFacts> AllFacts()
    {
        foreach (string owner in store.Owners)
        {
            byte[]? row;
            try { row = store.HasPartition(owner) ? store.Partition(owner).Table(FactsTable).Get(FactsKey) : null; }
            catch (StoreGoneException) { continue; }
            if (row is not null) yield return PatientFacts.FromJson(row);
        }
    }

    private HospitalTable TableOf(CohortQuery query)
    {
        CohortCells cells = Counter().Count(query);
        long[][] grid = [.. cells.Counts.Chunk(cells.Columns)];
        ProtectedTable table = TableSuppression.Protect(grid, limits.Threshold);
        // Labels of two dimensions are "row, column".
        string[] rows = [.. cells.Labels.Where((_, i) => i % cells.Columns == 0).Select(l => cells.Columns == 1 ? l : l[..l.IndexOf(", ", StringComparison.Ordinal)])];
        string[] columns = cells.Columns == 1 ? [""] : [.. cells.Labels.Take(cells.Columns).Select(l => l[(l.IndexOf(", ", StringComparison.Ordinal) + 2)..])];
        return new HospitalTable(rows, columns, table.Cells, table.Total, limits.Threshold);
    }

    private void Keep(string digest, Released released) => store.Write(batch =>
    {
        batch.Put(_answers, released.Key, JsonSerializer.SerializeToUtf8Bytes(released));
        batch.Delete(_pending, digest);
    });

    private void ForgetAnswers()
    {
        string[] answers = [.. _answers.Keys()], pending = [.. _pending.Keys()];
        store.Write(batch =>
        {
            foreach (string key in answers) batch.Delete(_answers, key);
            foreach (string key in pending) batch.Delete(_pending, key);
        });
    }

    private static bool LacksAny(PatientFacts before, PatientFacts after) =>
        before.Conditions.Except(after.Conditions).Any() || before.Medications.Except(after.Medications).Any() || before.Measurements.Except(after.Measurements).Any();

    private static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private sealed record Released(string Key, long Study, CohortAnswer Answer, DateTimeOffset At);
}

/// <summary>Bounds of a cohort desk.</summary>
/// <param name="Threshold">Counts below this are withheld.</param>
/// <param name="MaxWaiting">Questions that may wait; further ones are refused.</param>
/// <param name="MemoryMegabytes">Memory of the database.</param>
internal sealed record CohortLimits(int Threshold = 11, int MaxWaiting = 16, int MemoryMegabytes = 512);
