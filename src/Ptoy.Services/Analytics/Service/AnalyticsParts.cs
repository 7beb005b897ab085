using Ptoy.Client.Workflows;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Analytics.Service;

/// <summary>Patient data analytics: series, trends and marks for each patient that grants to this account.</summary>
/// <param name="Grantee">The service's account.</param>
public sealed record AnalyticsOptions(GranteeOptions Grantee) : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "series, trends and marks for each patient that grants";

    /// <summary>A section that works.</summary>
    public static AnalyticsOptions Example { get; } = new(new GranteeOptions(new AccountOptions("analytics.keystore", "analytics.passphrase"), "Patient data analytics"));

    /// <summary>Seals results into the patient's record where the patient lets this account write.</summary>
    public bool WriteBack { get; init; } = true;

    /// <summary>One compartment's result is written at most once in so many hours, since each version takes of the patient's storage.</summary>
    public int WriteEveryHours { get; init; } = 24;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>(Grantee.Problems().Select(p => $"grantee.{p}"));
        if (WriteEveryHours is < 1 or > 8760) problems.Add($"writeEveryHours: {WriteEveryHours} is not 1 to 8760");
        return problems;
    }
}

/// <summary>Cohort analytics: questions about consenting patients, paid from a study's budget on chain.</summary>
/// <param name="Grantee">The study's or hospital's account; its purpose is what patients grant for, such as HRESCH.</param>
public sealed record CohortOptions(GranteeOptions Grantee) : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "questions about consenting patients, paid from a study's budget";

    /// <summary>A section that works.</summary>
    public static CohortOptions Example { get; } = new(new GranteeOptions(new AccountOptions("cohort.keystore", "cohort.passphrase"), "Cohort study", "HRESCH"));

    /// <summary>Counts below this are withheld.</summary>
    public int Threshold { get; init; } = 11;

    /// <summary>Questions that may wait for their turn.</summary>
    public int MaxWaiting { get; init; } = 16;

    /// <summary>Memory of the database in megabytes.</summary>
    public int MemoryMegabytes { get; init; } = 512;

    /// <summary>
    /// Exact tables for the organisation's own employees, small counts withheld; only for the purposes HOPERAT and HQUALIMP. They are declared here and not
    /// asked for, since overlapping tables could be subtracted from one another.
    /// </summary>
    public IReadOnlyList<CohortQuery> Tables { get; init; } = [];

    /// <summary>The de-identified extract that the organisation's own employees may fetch as Parquet.</summary>
    public ExtractQuery? Extract { get; init; }

    internal CohortLimits Limits => new(Threshold, MaxWaiting, MemoryMegabytes);

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>(Grantee.Problems().Select(p => $"grantee.{p}"));
        if (Threshold is < 5 or > 1000) problems.Add($"threshold: {Threshold} is not 5 to 1000");
        if (MaxWaiting is < 1 or > 1000) problems.Add($"maxWaiting: {MaxWaiting} is not 1 to 1000");
        if (MemoryMegabytes is < 64 or > 65_536) problems.Add($"memoryMegabytes: {MemoryMegabytes} is not 64 to 65536");
        if (Tables.Count > 20) problems.Add($"tables: {Tables.Count}, more than 20");
        if (Tables.Count > 0 && Grantee.Purpose is not ("HOPERAT" or "HQUALIMP")) problems.Add("tables: exact tables are for the purposes HOPERAT and HQUALIMP only");
        for (int i = 0; i < Tables.Count; i++)
        {
            if (Tables[i].Kind is not ("table" or "histogram")) problems.Add($"tables[{i}].kind: is table or histogram");
            try { Tables[i].Check(); }
            catch (FieldException e) { problems.Add($"tables[{i}].{e.Message}"); }
            if (Tables[i].Edges is { Count: >= TableSuppression.MaxSide }) problems.Add($"tables[{i}].edges: fewer than {TableSuppression.MaxSide}");
            if (Tables[i].AgeEdges is { Count: >= TableSuppression.MaxSide }) problems.Add($"tables[{i}].ageEdges: fewer than {TableSuppression.MaxSide}");
        }
        if (Extract is not null && CohortExtract.ProblemOf(Extract) is { } problem) problems.Add($"extract.{problem}");
        return problems;
    }
}

/// <summary>Makes the parts of analytics.</summary>
public static class AnalyticsParts
{
    /// <summary>Patient data analytics.</summary>
    public static async Task<IDaemonPart> SeriesAsync(PartContext context, AnalyticsOptions options, CancellationToken cancellation)
    {
        const string Section = "analytics";
        DaemonAccount account = await context.AccountAsync(options.Grantee.Account, cancellation);
        var writer = context.Own(new PatientResultWriter());
        IResultWriter used = options.WriteBack ? writer : new NoResultWriter();
        var shelf = new ResultShelf(context.Store(Section), "series", used, TimeSpan.FromHours(options.WriteEveryHours), context.Time);
        var desk = new SeriesDesk(shelf, account.Keys.Address.ToString(), context.Time);
        GrantFeed feed = await context.GrantsAsync(Section, options.Grantee, [desk], cancellation);
        writer.Use(feed.Session);
        return new QuietPart(Section, () => new PartHealth(true, $"{feed.Patients.Count} patients, {desk.Analysed} analyses since the start"));
    }

    /// <summary>Cohort analytics.</summary>
    public static async Task<IDaemonPart> CohortAsync(PartContext context, CohortOptions options, CancellationToken cancellation)
    {
        const string Section = "cohort";
        DaemonAccount account = await context.AccountAsync(options.Grantee.Account, cancellation);
        var ledger = new ChainStudyLedger(context.Own(new TransactionSender(account.Node)));
        CohortDesk desk = context.Own(new CohortDesk(context.Store(Section), ledger, options.Limits, account.Keys.Address.ToString(), context.Time));
        GrantFeed feed = await context.GrantsAsync(Section, options.Grantee, [desk], cancellation);
        var requests = new AuthorityRequests(context.Chain.ChainId, account.Keys.Signing.Public, context.Time);
        return new CohortPart(Section, desk, options, requests, () => feed.Patients.Count);
    }
}

/// <summary>A part whose work is done by its feed: it has a health of its own and waits.</summary>
internal sealed class QuietPart(string name, Func<PartHealth> health) : IDaemonPart
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public PartHealth Health() => health();

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        try { await Task.Delay(Timeout.InfiniteTimeSpan, stop); }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { return; }
    }
}
