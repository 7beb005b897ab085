namespace Ptoy.Services.Connector;

/// <summary>
/// Re-seals custody into the vaults of patients who proved themselves, then gives custody up. Goes on where it was after a crash: which slices
/// are where is remembered manifest by manifest, and the custody key is destroyed last.
/// </summary>
internal sealed class Binder(ConnectorState state, SliceStore store, Courier courier, CustodyKeys custody, ILogger log)
{
    /// <summary>Patients whose letter has come and who have something left to hand over.</summary>
    public IReadOnlyList<ConnectorPatient> Waiting()
    {
        var found = new HashSet<ConnectorPatient>(state.Patients.Values.Where(p => p.Binding is { IsBound: false, TagKey: not null }));
        foreach (uint number in state.Resources.PatientsInCustody)
        {
            ConnectorPatient survivor = state.Survivor(state.ByNumber(number));
            if (survivor.Binding is { TagKey: not null }) found.Add(survivor);
        }
        return [.. found.OrderBy(p => p.Number)];
    }

    /// <summary>
    /// Hands one patient's custody over; true once the vault holds everything and custody is gone. False while the patient's contract does
    /// not let the hospital write.
    /// </summary>
    public async Task<bool> BindAsync(ConnectorPatient survivor, CancellationToken cancellation)
    {
        await courier.RecoverAsync(cancellation);
        Binding binding = survivor.Binding!;
        IReadOnlyList<ConnectorPatient> family = state.Family(survivor);
        foreach (ConnectorPatient member in family)
        {
            if (!await MoveAsync(member, binding, cancellation)) return false;
        }
        if (!binding.IsBound) state.Record(new BindingChanged(survivor.Id, binding with { IsBound = true }));
        // From here the vault holds everything, and what follows can be repeated after a crash: the key goes last.
        foreach (ConnectorPatient member in family)
        {
            await store.RetireAsync(state.Resources.CustodyOf(member.Number), cancellation);
            custody.Destroy(member.Id);
            state.Resources.CustodyEnded(member.Number);
        }
        log.LogInformation("account {Account}: {Count} records bound, custody key destroyed", binding.Account, family.Sum(m => state.Resources.CountOf(m.Number)));
        return true;
    }

    private async Task<bool> MoveAsync(ConnectorPatient member, Binding binding, CancellationToken cancellation)
    {
        while (true)
        {
            PlacedSlice[] part = Part(member.Number);
            if (part.Length == 0) return true;
            IReadOnlyList<Slice> slices = await store.FetchAsync(member.Id, [.. part.Select(p => p.Slice)], cancellation);
            if (!await courier.TryBindAsync(member, binding, part, slices, cancellation)) return false;
        }
    }

    private PlacedSlice[] Part(uint number)
    {
        var part = new List<PlacedSlice>();
        long bytes = 0;
        foreach (PlacedSlice slice in state.Resources.SlicesOf(number).Where(s => s.Slice is { InVault: false, RecordId: not null }))
        {
            if (part.Count == SliceStore.MaxRecords || (part.Count > 0 && bytes + slice.Slice.Length > SliceStore.MaxBytes)) break;
            part.Add(slice);
            bytes += slice.Slice.Length;
        }
        return [.. part];
    }
}
