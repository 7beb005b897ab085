namespace Ptoy.Services.Facade.Export;

/// <summary>What an export was asked for; kept, so that it goes on after a restart.</summary>
/// <param name="Id">Names the job.</param>
/// <param name="Client">The app's account.</param>
/// <param name="Url">The request, as the manifest repeats it.</param>
/// <param name="TransactionTime">What was there by then (Unix ms).</param>
/// <param name="Since">Only what changed after it (UTC ticks).</param>
/// <param name="Types">Only these; none: all that the scopes cover.</param>
/// <param name="Patients">Only these accounts; null: all.</param>
/// <param name="Scopes">Scopes of the token that asked.</param>
/// <param name="Purpose">Purpose of use of the token that asked.</param>
/// <param name="NotApplied">Parameters that are not supported.</param>
internal sealed record ExportRequest(
    string Id, string Client, string Url, long TransactionTime, long Since, string[] Types, string[]? Patients, string[] Scopes,
        string Purpose,
    string[] NotApplied);

/// <summary>One file of an export: which records of which patients, in order. The bytes are read, and asked for at the gatekeeper, when it
/// is fetched.</summary>
internal sealed record ExportFile(string Type, int Number, int Count)
{
    public string Name => $"{Type}.{Number}.ndjson";
}

/// <summary>A job's state; kept.</summary>
internal sealed record ExportState(ExportRequest Request, bool IsDone, string? Problem, ExportFile[] Files, long UntilMs);
