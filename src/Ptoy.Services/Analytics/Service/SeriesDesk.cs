using Ptoy.Protocol;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Service;

/// <summary>Analyses a patient's records whenever they change.</summary>
internal sealed class SeriesDesk(ResultShelf shelf, string self, TimeProvider time) : IGrantConsumer
{
    private long _analysed;

    /// <summary>How many analyses were made since the start.</summary>
    public long Analysed => Interlocked.Read(ref _analysed);

    /// <inheritdoc/>
    public async Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
    {
        SeriesResult result = PatientSeries.Analyse(records, self);
        await shelf.PutAsync(records.Patient, ResultDocuments.OfSeries(records.Patient, result, time.GetUtcNow()), cancellation);
        Interlocked.Increment(ref _analysed);
    }

    /// <inheritdoc/>
    public Task PatientGoneAsync(Address patient, CancellationToken cancellation) => Task.CompletedTask;
}
