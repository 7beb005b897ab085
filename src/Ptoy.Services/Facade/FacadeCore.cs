using Ptoy.Protocol;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade;

/// <summary>What the façade's handlers share.</summary>
internal sealed class FacadeCore
{
    public FacadeCore(
        FacadeOptions options, FacadeLibrary library, IAccessGate gate, IVaultWriter? writer, SmartState smart, TimeProvider time)
    {
        (Options, Library, Gate, Writer, Smart, Time) = (options, library, gate, writer, smart, time);
        Base = options.BaseUrl.TrimEnd('/');
        Parser = new QueryParser(new ValueParser(time, Base));
        Memory = new PermissionMemory(gate, time);
        Cursors = new PageCursors(time);
    }

    public FacadeOptions Options { get; }

    public FacadeLibrary Library { get; }

    public FacadeIndex Index => Library.Index;

    public IAccessGate Gate { get; }

    public IResourceBytes Bytes => Library;

    public IVaultWriter? Writer { get; }

    public SmartState Smart { get; }

    public TimeProvider Time { get; }

    public string Base { get; }

    public QueryParser Parser { get; }

    public PermissionMemory Memory { get; }

    public PageCursors Cursors { get; }

    /// <summary>
    /// Asks the gatekeeper for an access and returns what may be given out. When nothing at all is granted any more, the grant's tokens
    /// end here.
    /// </summary>
    public async Task<IReadOnlySet<string>> AccessAsync(
        SmartGrant grant, PatientShelf shelf, bool isSearch, IReadOnlyCollection<string> records, CancellationToken cancellation)
    {
        GateAnswer answer = await Gate.AccessAsync(grant.Asker, shelf.Patient, isSearch, records, cancellation);
        if (answer.Reason is null) return answer.Permitted;
        Memory.Forget(shelf.Patient);
        if (grant.Patient is null || answer.Permitted.Count > 0) return answer.Permitted;
        await EndIfRevokedAsync(grant, shelf.Patient, cancellation);
        throw FhirException.Denied(answer.Reason);
    }

    /// <summary>Ends a grant whose patient has revoked the app's or the hospital's permission.</summary>
    public async Task<bool> EndIfRevokedAsync(SmartGrant grant, Address patient, CancellationToken cancellation)
    {
        GatePermits now = await Gate.PermitsAsync(grant.Asker, patient, [], "read", [], cancellation);
        if (!now.Any) Smart.End(grant.Id);
        return !now.Any;
    }

    /// <summary>The one patient whom a token is for; 403 when the hospital may not read that patient any more.</summary>
    public PatientShelf ShelfOf(SmartGrant grant)
    {
        if (Index.Of(grant.Patient!.Value) is { } shelf) return shelf;
        throw FhirException.Denied("the patient does not let this hospital read any more");
    }
}
