using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>What a patient does, on the patient's own side: keys never leave it.</summary>
public sealed partial class PatientSession : IDisposable
{
    // A creating transaction carries at most 192 KiB of arguments: so many key sets fit with room to spare.
    private const int EpochsPerTransaction = 12;
    private const string OwnPurpose = "PATRQT";

    private readonly AccountKeys _keys;
    private readonly VaultRoot _vault;
    private readonly NodeConnection _node;
    private readonly TransactionSender _sender;
    private readonly MailBox _mail;

    /// <summary>Begins a session over a connection that signs with the account's key. Keys stay the caller's to dispose.</summary>
    public PatientSession(AccountKeys keys, VaultRoot vault, NodeConnection node)
    {
        if (node.Key.Address != keys.Address) throw new ArgumentException("the connection signs with another account's key", nameof(node));
        (_keys, _vault, _node) = (keys, vault, node);
        _sender = new TransactionSender(node);
        _mail = new MailBox(node);
    }

    /// <summary>The account.</summary>
    public Address Account => _keys.Address;

    /// <summary>Sends this account's transactions.</summary>
    public TransactionSender Sender => _sender;

    private ContractId Contract => new("Patient", Account);

    /// <summary>
    /// Signs up with the key authority: <paramref name="readCode"/> is asked for the code that came to the phone. Throws
    /// <see cref="AuthorityRefusedException"/>.
    /// </summary>
    public static async Task SignUpAsync(
        AuthorityClient authority, AccountKeys keys, SignUpStart who, Func<CancellationToken, Task<string>> readCode, CancellationToken cancellation = default)
    {
        SignUpStarted started = await authority.StartAsync(who, cancellation);
        string code = await readCode(cancellation);
        await authority.ConfirmAsync(started.SignUpId, code, keys, cancellation);
    }

    /// <summary>Creates the patient's contract and publishes the vault keys of all 64 epochs.</summary>
    public async Task CreateVaultAsync(CancellationToken cancellation = default)
    {
        for (int first = 0; first < VaultRoot.Epochs; first += EpochsPerTransaction)
        {
            int count = Math.Min(EpochsPerTransaction, VaultRoot.Epochs - first);
            Dictionary<string, string>[] sets = [.. Enumerable.Range(first, count).Select(KeySet)];
            if (first == 0) await _sender.SendAsync(Contract, "create", [new { vaultKeys = sets }], cancellation);
            else await _sender.SendAsync(Contract, "publishKeys", [first, sets], cancellation);
        }
    }

    /// <summary>Asks the hospitals whether they hold records. The answer is always the same; a code comes to the phone if one does.</summary>
    public async Task RequestMatchAsync(AuthorityClient authority, CancellationToken cancellation = default)
    {
        MatchStatement statement = await authority.StatementAsync(_keys.Signing, cancellation);
        await _node.CallAsync<MatchRequestResult>("match_request", new MatchRequestParams(Codec.Encode(statement)), null, cancellation);
    }

    /// <summary>
    /// Sends a code and the birth date to every member, sealed to each: which of them sent the code is not known yet. Returns how many
    /// organisations were written to.
    /// </summary>
    public async Task<int> ConfirmMatchAsync(string code, string birthDate, CancellationToken cancellation = default)
    {
        var confirm = new MatchConfirm(code, birthDate);
        int sent = 0;
        foreach (JsonElement organisation in (await _node.ViewAsync("Governance", "organisations")).EnumerateArray())
        {
            Address account = Address.Parse(organisation.GetString()!);
            if (await SealingKeyOfAsync(account, cancellation) is not { } key) continue;
            await _mail.SendAsync(account, MailKinds.MatchConfirm, MatchMail.Seal(key, MatchMail.ConfirmPurpose, confirm), cancellation);
            sent++;
        }
        return sent;
    }

    /// <summary>Answers that hospitals sent since last asked; waits up to <paramref name="wait"/> for a first mail.</summary>
    public async Task<IReadOnlyList<MatchAnswer>> AnswersAsync(TimeSpan wait, CancellationToken cancellation = default)
    {
        var answers = new List<MatchAnswer>();
        foreach (MailDto mail in await _mail.NextAsync(wait, cancellation))
        {
            if (mail.Kind != MailKinds.MatchAnswer) continue;
            // The organisation is who signed the mail's delivery, whatever the content says.
            if (MatchMail.Open<MatchAnswer>(mail.Bytes, MatchMail.AnswerPurpose, _keys.Sealing) is { } answer && answer.Organisation == mail.From) answers.Add(answer);
        }
        return answers;
    }

    /// <summary>
    /// Lets an organisation write into the vault: a permit on chain, and the tag key in a sealed letter. Returns the provision's number.
    /// </summary>
    public async Task<int> AcceptBindingAsync(Address organisation, CancellationToken cancellation = default)
    {
        PublicKey key = await SealingKeyOfAsync(organisation, cancellation)
            ?? throw new ArgumentException("the organisation is not set up on chain", nameof(organisation));
        int provision = await PermitAsync(new { organisation = organisation.ToString() }, ["write"], ["TREAT"], "all", null, cancellation);
        LetterCompartment[] all = [.. _vault.Tags.Select(t => new LetterCompartment(t.Key, t.Value))];
        byte[] letter = new GrantLetter(_vault.TagKey.ToArray(), all, []).ToJson();
        await _mail.SendAsync(organisation, MailKinds.WriterLetter, MatchMail.Seal(key, MatchMail.WriterPurpose, letter), cancellation);
        return provision;
    }

    /// <summary>A reader of this patient's own records, through any node.</summary>
    public async Task<RecordReader> ReaderAsync(NodeConnection? through = null, CancellationToken cancellation = default)
    {
        int epoch = (await _node.ViewAsync(Contract, "currentEpoch", [], cancellation)).GetInt32();
        var ring = new KeyRing(_vault.VaultKeys(epoch));
        ring.Add(new SealingKey(_keys.Sealing.Export()));
        return new RecordReader(through ?? _node, Account, OwnPurpose, ring);
    }

    /// <summary>The compartment's name of a tag of this patient; null for other tags, such as that of letters.</summary>
    public string? CompartmentOf(string tag) => _vault.Tags.Where(t => t.Value.ToString() == tag).Select(t => t.Key).FirstOrDefault();

    /// <summary>Moves PTOY. The amount is in micro-PTOY.</summary>
    public Task TransferAsync(Address to, long microPtoy, CancellationToken cancellation = default) =>
        _sender.SendAsync(ContractId.Single("Token"), "transfer", [to.ToString(), microPtoy.ToString(System.Globalization.CultureInfo.InvariantCulture)], cancellation);

    /// <summary>Buys storage for this patient.</summary>
    public Task BuyStorageAsync(int megabytes, int months, CancellationToken cancellation = default) =>
        _sender.SendAsync(ContractId.Single("Token"), "buyStorage", [Account.ToString(), megabytes, months], cancellation);

    /// <summary>The balance in micro-PTOY.</summary>
    public async Task<long> BalanceAsync() => long.Parse((await _node.ViewAsync("Token", "balanceOf", Account.ToString())).GetString()!,
        System.Globalization.CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Dispose() => _sender.Dispose();

    private Dictionary<string, string> KeySet(int epoch) => _vault.PublicKeys(epoch).ToDictionary(k => k.Key.ToString(), k => k.Value.ToString());

    private async Task<PublicKey?> SealingKeyOfAsync(Address organisation, CancellationToken cancellation)
    {
        JsonElement of = await _node.ViewAsync(new ContractId("Provider", organisation), "of", [], cancellation);
        return of.ValueKind == JsonValueKind.Object ? PublicKey.Parse(of.GetProperty("sealingKey").GetString()!) : null;
    }
}
