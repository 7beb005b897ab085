using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;

namespace Ptoy.Services.Connector;

/// <summary>
/// Hands what waits to the nodes, one manifest at a time: into the vault of a patient who is bound, else into custody. What it is about to
/// register is remembered first, so a crash at any moment neither loses a resource nor stores it twice.
/// </summary>
internal sealed class Courier
{
    private const string PlaceKey = "registering";
    private readonly ConnectorState _state;
    private readonly SliceStore _store;
    private readonly SealedTable _table;
    private readonly ILogger _log;

    public Courier(ConnectorState state, SliceStore store, ILogger log)
    {
        (_state, _store, _log) = (state, store, log);
        _table = state.Store.Table("courier");
    }

    /// <summary>Ends what a crash cut off.</summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        if (_table.Get(PlaceKey) is not { } row) return;
        var begun = ConnectorState.Read<Begun>(row);
        if (await _store.ResumeAsync(begun.Manifest(), cancellation)) Settle(begun);
        else _state.Store.Write(b => b.Delete(_table, PlaceKey));
    }

    /// <summary>Hands over one manifest of what waits of a patient; returns how many slices, 0 when nothing waits.</summary>
    public async Task<int> DeliverPartAsync(ConnectorPatient patient, CancellationToken cancellation)
    {
        await RecoverAsync(cancellation);
        IReadOnlyList<(PlacedSlice Slice, byte[] Bytes)> part = _state.Resources.Waiting(patient.Number, SliceStore.MaxRecords, SliceStore.MaxBytes);
        if (part.Count == 0) return 0;
        PlacedSlice[] places = [.. part.Select(p => p.Slice)];
        Slice[] slices = [.. part.Select(p => new Slice(p.Bytes, p.Slice.Slice.Compartment))];
        if (_state.Survivor(patient).Binding is { IsBound: true } binding && await TryBindAsync(patient, binding, places, slices, cancellation)) return part.Count;
        // Also when a bound patient has withdrawn the permission to write: the hospital keeps its own record, and hands it over when it may again.
        await _store.KeepAsync(patient.Id, slices, m => Begin(patient.Number, places, m, inVault: false), cancellation);
        Settle(ConnectorState.Read<Begun>(_table.Get(PlaceKey)!));
        return part.Count;
    }

    /// <summary>Writes slices into the vault of an account, as far as its owner permits; false when not.</summary>
    public async Task<bool> TryBindAsync(
        ConnectorPatient patient, Binding binding, IReadOnlyList<PlacedSlice> places, IReadOnlyList<Slice> slices, CancellationToken cancellation)
    {
        Address account = Address.Parse(binding.Account);
        byte[] tagKey = Convert.FromHexString(binding.TagKey!);
        if (!await _store.MayWriteAsync(account, tagKey, cancellation)) return false;
        try
        {
            await _store.BindAsync(account, tagKey, slices, m => Begin(patient.Number, places, m, inVault: true), cancellation);
        }
        catch (Exception e) when (e is TransactionFailedException || e is RpcException { Code: RpcErrors.OverQuota })
        {
            _log.LogWarning("account {Account}: the vault does not take the records: {Problem}", binding.Account, e.Message);
            _state.Store.Write(b => b.Delete(_table, PlaceKey));
            return false;
        }
        Settle(ConnectorState.Read<Begun>(_table.Get(PlaceKey)!));
        return true;
    }

    private void Begin(uint patient, IReadOnlyList<PlacedSlice> places, RegisteringManifest manifest, bool inVault)
    {
        var begun = new Begun(
            patient, [.. places.Select(p => p.Sequence)], [.. places.Select(p => p.Slice)], inVault, manifest.Root.ToString(),
            [.. manifest.RecordIds.Select(id => id.ToString())], manifest.Bytes, manifest.Arguments);
        _state.Store.Write(b => b.Put(_table, PlaceKey, ConnectorState.Bytes(begun)));
    }

    private void Settle(Begun begun)
    {
        PlacedSlice[] stored = [.. begun.Sequences.Select((sequence, i) => new PlacedSlice(
            begun.Patient, sequence, begun.Slices[i] with { RecordId = begun.RecordIds[i], Manifest = begun.Root, InVault = begun.InVault }))];
        _state.Resources.Stored(begun.Patient, stored, b => b.Delete(_table, PlaceKey));
    }

    private sealed record Begun(
        uint Patient, uint[] Sequences, IntakeSlice[] Slices, bool InVault, string Root, string[] RecordIds, ulong Bytes, string Arguments)
    {
        public RegisteringManifest Manifest() => new(Hash.Parse(Root), [.. RecordIds.Select(Hash.Parse)], Bytes, Arguments);
    }
}
