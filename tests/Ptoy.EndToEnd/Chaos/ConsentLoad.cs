using System.Text.Json;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Patients who grant and revoke, over and over.</summary>
internal sealed class ConsentLoad(Patients patients)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public Task RunAsync(CancellationToken stopping, CancellationToken cancellation) =>
        Task.WhenAll(patients.Consenting.Select(p => Task.Run(() => RunAsync(p, stopping, cancellation), CancellationToken.None)));

    private async Task RunAsync(Patient patient, CancellationToken stopping, CancellationToken cancellation)
    {
        while (!stopping.IsCancellationRequested)
        {
            string permit = JsonSerializer.Serialize(new[] { patients.Permit(patient) });
            Receipt? granted = await patient.Writer.WriteAsync("grant", patient.Contract, "grant", permit,
                cancellation).ConfigureAwait(false);
            if (granted is { Status: ReceiptStatus.Ok })
                await patient.Writer.WriteAsync("revoke", patient.Contract, "revoke", $"[{granted.Result}]",
                    cancellation).ConfigureAwait(false);
            await Pace.PauseAsync(Pause, stopping).ConfigureAwait(false);
        }
    }
}
