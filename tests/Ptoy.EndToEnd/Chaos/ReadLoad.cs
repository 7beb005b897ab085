using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Reads by owners and by a permitted clinician, and attempts by a stranger, at every node.</summary>
internal sealed class ReadLoad(Patients patients, Members members, AckLog acks, int seed)
{
    private const int Readers = 6;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(150);

    /// <summary>Answers that should have been denials, or the other way round.</summary>
    public int Wrong => _wrong;

    private int _wrong;

    public Task RunAsync(CancellationToken stopping) =>
        Task.WhenAll(Enumerable.Range(0, Readers)
            .Select(i => Task.Run(() => RunAsync(new Random(seed + (31 * i)), stopping), CancellationToken.None)));

    private async Task RunAsync(Random random, CancellationToken stopping)
    {
        Patient[] writing = [.. patients.Writing];
        while (!stopping.IsCancellationRequested)
        {
            Member member = members.All[random.Next(members.All.Count)];
            if (members.IsUp(member.Index))
            {
                Patient patient = writing[random.Next(writing.Length)];
                await ReadAsync(member, patient, random, stopping).ConfigureAwait(false);
            }
            await Pace.PauseAsync(Pause, stopping).ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(Member member, Patient patient, Random random, CancellationToken cancellation)
    {
        string owner = patient.Keys.Address.ToString();
        (AccountKeys who, Address? onBehalfOf, string purpose, bool permitted) = random.Next(3) switch
        {
            0 => (patient.Keys, (Address?)null, "PATRQT", true),
            1 => (patients.Clinician, patients.Hospital.Address, "TREAT", true),
            _ => (patients.Stranger, (Address?)null, "TREAT", false),
        };
        AckedRecord[] known = acks.NewestOf(patient.Index, 16);
        if (known.Length > 0 && random.Next(2) == 0)
        {
            string id = known[random.Next(known.Length)].RecordId.ToString();
            await AskAsync<RecordGetResult>(member, patient, who, onBehalfOf, "record_get", new RecordGetParams(owner, [id], purpose),
                permitted, cancellation).ConfigureAwait(false);
        }
        else
        {
            var list = new RecordListParams(owner, purpose, AfterHeight: members.SeenHeight, Limit: 50);
            await AskAsync<RecordListResult>(member, patient, who, onBehalfOf, "record_list", list, permitted,
                cancellation).ConfigureAwait(false);
        }
    }

    private async Task AskAsync<T>(
        Member member, Patient patient, AccountKeys who, Address? onBehalfOf, string method, object parameters, bool permitted,
        CancellationToken cancellation)
    {
        long expiry = RecordLoad.NextExpiry();
        RpcSigner signer = members.Signer(member, who.Signing, onBehalfOf, expiry);
        bool permit;
        try
        {
            await member.Rpc.CallAsync<T>(method, parameters, signer, cancellation).ConfigureAwait(false);
            permit = true;
        }
        catch (RpcException e) when (e.Code == RpcErrors.Denied)
        {
            // A node that has not executed the registration yet cannot know the record.
            if (permitted && e.Message.Contains("no-such-record", StringComparison.Ordinal)) permitted = false;
            permit = false;
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return;
        }
        if (permit != permitted) Interlocked.Increment(ref _wrong);
        acks.Add(new AckedRead(member.Index, patient.Keys.Address, who.Signing.Public, method, expiry, permit));
    }
}
