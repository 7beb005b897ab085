using System.Globalization;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Services.Common;

namespace Ptoy.Services.Analytics.Service;

/// <summary>Hands results back to a patient.</summary>
internal interface IResultWriter
{
    /// <summary>
    /// Seals documents into the patient's record, those whose compartment the patient lets this account write. Returns the compartments written.
    /// </summary>
    Task<IReadOnlyList<string>> WriteAsync(Address patient, IReadOnlyList<ResultDocument> documents, CancellationToken cancellation);
}

/// <summary>Where nothing is to be written back.</summary>
internal sealed class NoResultWriter : IResultWriter
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> WriteAsync(Address patient, IReadOnlyList<ResultDocument> documents, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<string>>([]);
}

/// <summary>
/// Keeps a patient's results in the patient's own partition, which ends with the grant, and writes back what is new: never the same content twice, and one
/// compartment at most once in a set time, since every version takes of the patient's storage.
/// </summary>
internal sealed class ResultShelf(SealedStore store, string kind, IResultWriter writer, TimeSpan writeEvery, TimeProvider time)
{
    /// <summary>Puts the results of a patient in the place of those before, and writes back what is due. Returns when to come again, null for never.</summary>
    public async Task<DateTimeOffset?> PutAsync(Address patient, IReadOnlyList<ResultDocument> documents, CancellationToken cancellation)
    {
        SealedStore partition = store.Partition(patient.ToString());
        SealedTable results = partition.Table(kind), written = partition.Table(kind + "-written");
        HashSet<string> kept = [.. documents.Select(d => d.Compartment)];
        string[] gone = [.. results.Keys().Where(k => !kept.Contains(k))];
        partition.Write(batch =>
        {
            foreach (ResultDocument document in documents) batch.Put(results, document.Compartment, document.Bytes);
            foreach (string compartment in gone) batch.Delete(results, compartment);
        });
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset? next = null;
        var due = new List<ResultDocument>();
        foreach (ResultDocument document in documents)
        {
            (string digest, DateTimeOffset at) = Read(written.Get(document.Compartment));
            if (digest == document.Digest) continue;
            if (at + writeEvery <= now) due.Add(document);
            else if (next is null || at + writeEvery < next) next = at + writeEvery;
        }
        if (due.Count == 0) return next;
        IReadOnlyList<string> done = await writer.WriteAsync(patient, due, cancellation);
        partition.Write(batch =>
        {
            foreach (ResultDocument document in due.Where(d => done.Contains(d.Compartment)))
                batch.Put(written, document.Compartment, Encoding.ASCII.GetBytes($"{document.Digest} {now.ToUnixTimeMilliseconds()}"));
        });
        return next;
    }

    private static (string Digest, DateTimeOffset At) Read(byte[]? row)
    {
        if (row is null) return ("", DateTimeOffset.MinValue);
        string[] parts = Encoding.ASCII.GetString(row).Split(' ');
        return (parts[0], DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[1], CultureInfo.InvariantCulture)));
    }
}
