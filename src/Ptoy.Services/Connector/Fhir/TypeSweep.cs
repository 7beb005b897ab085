using System.Globalization;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>What a sweep hands over.</summary>
internal interface ISweepSink
{
    /// <summary>Takes resources over; they need not be durable yet.</summary>
    Task TakeAsync(IReadOnlyList<FoundResource> found, CancellationToken cancellation);

    /// <summary>Makes everything that was taken durable, then remembers that all changes before an instant are in.</summary>
    Task CommitAsync(DateTimeOffset reached, CancellationToken cancellation);
}

/// <summary>
/// Reads all resources of one type that changed since an instant, while the server goes on changing them. A page is not asked for by its
/// number or link, which skips entries when one before them moves away, but by the instant that the page before ended with: what is changed
/// meanwhile moves to the end and comes again. Entries of the same instant can only be told apart by links: they are read again until
/// nothing left them meanwhile. Servers that cannot sort by change are read from link to link as a whole, likewise.
/// </summary>
internal sealed class TypeSweep(FhirClient client, string type, int pageSize, ISweepSink sink)
{
    private const int MaxPasses = 20;

    /// <summary>Reads from an instant (null: from the beginning) to the end. Throws <see cref="FhirServerException"/>.</summary>
    public async Task RunAsync(DateTimeOffset? since, CancellationToken cancellation)
    {
        string from = since is { } start ? $"&_lastUpdated=ge{Instant(start)}" : "";
        DateTimeOffset? at = null, whole = null;
        while (true)
        {
            SearchPage? page = await SortedPageAsync(from, cancellation);
            // No progress: the server does not heed the filter, or not to the instant.
            if (page is null || (page.Items.Count > 0 && (page.Items[^1].Changed < at || page.Items[^1].Changed == whole || NoProgress(page, at))))
            {
                await TraverseAsync(since, cancellation);
                return;
            }
            if (page.Items.Count == 0) return;
            DateTimeOffset last = page.Items[^1].Changed!.Value;
            await sink.TakeAsync(page.Items, cancellation);
            if (page.Next is not null && page.Items[0].Changed == last)
            {
                await ReadInstantAsync(last, cancellation);
                whole = last;
            }
            await sink.CommitAsync(last, cancellation);
            if (page.Next is null) return;
            from = $"&_lastUpdated={(whole == last ? "gt" : "ge")}{Instant(last)}";
            at = last;
        }
    }

    /// <summary>Reads a list that is not sorted, such as an answer of <c>$everything</c>, from link to link.</summary>
    public async Task RunListAsync(string address, CancellationToken cancellation)
    {
        if (await ReadWholeAsync(address, cancellation) is { } began) await sink.CommitAsync(began, cancellation);
    }

    /// <summary>Everything that changed at one instant: more than a page. An entry that is changed meanwhile leaves it, and the total tells.</summary>
    private async Task ReadInstantAsync(DateTimeOffset instant, CancellationToken cancellation)
    {
        string text = Instant(instant);
        await ReadWholeAsync($"{type}?_sort=_lastUpdated&_count={pageSize}&_lastUpdated=ge{text}&_lastUpdated=le{text}", cancellation);
    }

    /// <summary>All of a list from link to link, until it was read once without anything leaving it.</summary>
    private async Task<DateTimeOffset?> ReadWholeAsync(string address, CancellationToken cancellation)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        DateTimeOffset? began = null;
        for (int pass = 1; pass <= MaxPasses; pass++)
        {
            int before = seen.Count;
            SearchPage page = await PageAsync(address, cancellation);
            began ??= page.Time;
            long? total = page.Total;
            bool same = total is not null;
            int read = 0, pages = 0;
            while (true)
            {
                pages++;
                read += page.Items.Count;
                FoundResource[] fresh = [.. page.Items.Where(i => seen.Add($"{i.Head.Type}/{i.Head.Id}/{i.Head.LastUpdated}"))];
                if (fresh.Length > 0) await sink.TakeAsync(fresh, cancellation);
                same &= page.Total == total;
                if (page.Next is null) break;
                page = await PageAsync(page.Next, cancellation);
            }
            // One page is one state of the server.
            if (pages == 1 || (same && read >= total) || (pass > 1 && seen.Count == before)) return began;
        }
        throw new FhirServerException(0, $"{type}: the server's list went on changing while it was read {MaxPasses} times");
    }

    /// <summary>For servers that do not sort: the whole list, with the filter where they take it.</summary>
    private async Task TraverseAsync(DateTimeOffset? since, CancellationToken cancellation)
    {
        DateTimeOffset? began;
        try
        {
            string filter = since is { } start ? $"&_lastUpdated=ge{Instant(start)}" : "";
            began = await ReadWholeAsync($"{type}?_count={pageSize}{filter}", cancellation);
        }
        catch (FhirServerException e) when (e.Status is 400 or 422 or 501 && since is not null)
        {
            began = await ReadWholeAsync($"{type}?_count={pageSize}", cancellation);
        }
        // Without the server's own time there is no saying what is new: the next round reads everything again, and what is known is passed over.
        await sink.CommitAsync(began ?? since ?? DateTimeOffset.UnixEpoch, cancellation);
    }

    /// <summary>The first page after an instant, oldest change first; null when the server does not sort.</summary>
    private async Task<SearchPage?> SortedPageAsync(string from, CancellationToken cancellation)
    {
        try
        {
            SearchPage page = await PageAsync($"{type}?_sort=_lastUpdated&_count={pageSize}{from}", cancellation);
            return IsSorted(page.Items) ? page : null;
        }
        catch (FhirServerException e) when (e.Status is 400 or 422 or 501)
        {
            return null;
        }
    }

    private static bool NoProgress(SearchPage page, DateTimeOffset? at) =>
        page.Next is not null && page.Items[^1].Changed == at && page.Items[0].Changed != at;

    private Task<SearchPage> PageAsync(string address, CancellationToken cancellation) => client.GetAsync(address, SearchPage.Read, cancellation);

    private static bool IsSorted(IReadOnlyList<FoundResource> items)
    {
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Changed is null || (i > 0 && items[i].Changed < items[i - 1].Changed)) return false;
        }
        return true;
    }

    private static string Instant(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
}
