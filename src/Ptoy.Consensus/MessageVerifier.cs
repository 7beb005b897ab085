using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus;

/// <summary>An envelope whose signatures and certificates are right. Only <see cref="MessageVerifier"/> makes one.</summary>
public sealed class VerifiedEnvelope
{
    internal VerifiedEnvelope(ConsensusEnvelope envelope, Hash blockHash)
    {
        Envelope = envelope;
        BlockHash = blockHash;
    }

    /// <summary>The envelope.</summary>
    public ConsensusEnvelope Envelope { get; }

    /// <summary>Hash of the block that the message carries, computed once; zero when it carries none.</summary>
    internal Hash BlockHash { get; }
}

/// <summary>A decided block whose commit certificate is right. Only <see cref="MessageVerifier"/> makes one.</summary>
public sealed class VerifiedBlock
{
    internal VerifiedBlock(Block block, CommitCertificate certificate)
    {
        Block = block;
        Certificate = certificate;
    }

    /// <summary>The block.</summary>
    public Block Block { get; }

    /// <summary>Its proof.</summary>
    public CommitCertificate Certificate { get; }
}

/// <summary>
/// Checks signatures and certificates of what comes in, so that <see cref="Replica"/> does not have to. Holds no changing
/// state: call it from any thread, before <see cref="Replica.Step"/>. The driver checks that the sender named in
/// an envelope is the peer it came from; a message relayed under its author's name is also valid here.
/// </summary>
public sealed class MessageVerifier
{
    private readonly Hash _chainId;
    private readonly ValidatorSet _set;
    private readonly ISignatureVerifier _signatures;
    private readonly int _quorum;
    private readonly bool _anyEpoch;

    /// <summary>For one epoch of one chain.</summary>
    public MessageVerifier(Hash chainId, ValidatorSet validators, ISignatureVerifier signatures)
        : this(chainId, validators, signatures, validators.Quorum)
    {
    }

    internal MessageVerifier(
        Hash chainId, ValidatorSet validators, ISignatureVerifier signatures, int quorum, PlantedFault fault = PlantedFault.None)
    {
        _anyEpoch = fault == PlantedFault.OtherEpochCounted;
        _chainId = chainId;
        _set = validators;
        _signatures = signatures;
        _quorum = quorum;
    }

    /// <summary>The verified form, or null and what is wrong. The envelope was decoded by <c>Codec</c>, so it is well-formed.</summary>
    public VerifiedEnvelope? Verify(ConsensusEnvelope envelope, out string error)
    {
        Hash blockHash = envelope.Message switch
        {
            PrePrepare m => m.Block.ComputeHash(),
            BlockReply m => m.Block.ComputeHash(),
            _ => Hash.Zero,
        };
        error = Envelope(envelope, blockHash) ?? "";
        return error.Length == 0 ? new VerifiedEnvelope(envelope, blockHash) : null;
    }

    /// <summary>The verified form of a decided block, or null and what is wrong.</summary>
    public VerifiedBlock? VerifyBlock(CertifiedBlock certified, out string error)
    {
        error = certified.Problem() ?? Quorum(certified.Certificate) ?? "";
        return error.Length == 0 ? new VerifiedBlock(certified.Block, certified.Certificate) : null;
    }

    private string? Envelope(ConsensusEnvelope envelope, Hash blockHash)
    {
        if (envelope.Epoch != _set.Epoch && !_anyEpoch) return $"a message of epoch {envelope.Epoch}, not {_set.Epoch}";
        if (envelope.Sender >= _set.Count) return $"sender {envelope.Sender} is not in the set";
        foreach (ExecutionVote vote in envelope.Votes)
        {
            if (!Signed(envelope.Sender, ExecutionStatement.Domain, Codec.Encode(vote.Statement(_chainId, envelope.Epoch)), vote.Signature))
                return $"the execution vote of replica {envelope.Sender} has a wrong signature";
        }
        return envelope.Message is null ? null : Message(envelope.Epoch, envelope.Sender, envelope.Message, blockHash);
    }

    private string? Message(ulong epoch, int sender, ConsensusMessage message, Hash blockHash) => message switch
    {
        PrePrepare m => Vote(epoch, sender, VoteStatement.PrepareDomain, m.View, m.Block.Header.Height, blockHash, m.Signature)
            ?? Home(m.Block.Header.ChainId, m.Block.Header.Epoch),
        Prepare m => Vote(epoch, sender, VoteStatement.PrepareDomain, m.View, m.Height, m.BlockHash, m.Signature),
        Commit m => Vote(epoch, sender, VoteStatement.CommitDomain, m.View, m.Height, m.BlockHash, m.Signature),
        ViewChange m => ViewChange(sender, m, []),
        NewView m => NewView(m),
        Status m => Status(sender, m),
        BlockRequest m => Home(m.Statement.ChainId, m.Statement.Epoch)
            ?? Author(sender, m.Statement.Replica, BlockRequestStatement.Domain, Codec.Encode(m.Statement), m.Signature),
        BlockReply m => Home(m.Block.Header.ChainId, m.Block.Header.Epoch),
        Decision m => Quorum(m.Certificate),
        Checkpoint m => Quorum(m.Certificate),
        _ => "a message of unknown kind",
    };

    private string? Home(Hash chainId, ulong epoch) =>
        chainId != _chainId ? "a message of another chain"
        : epoch != _set.Epoch && !_anyEpoch ? $"a message of epoch {epoch}, not {_set.Epoch}"
        : null;

    private string? Vote(ulong epoch, int sender, string domain, ulong view, ulong height, Hash blockHash, Signature signature)
    {
        var statement = new VoteStatement(_chainId, epoch, view, height, blockHash);
        return Signed(sender, domain, Codec.Encode(statement), signature) ? null : $"the vote of replica {sender} has a wrong signature";
    }

    private string? Author(int sender, int named, string domain, byte[] statement, Signature signature) =>
        sender != named ? $"replica {sender} sent what replica {named} signed"
        : Signed(sender, domain, statement, signature) ? null
        : $"a message of replica {sender} has a wrong signature";

    private string? ViewChange(int sender, ViewChange message, HashSet<Hash> verified)
    {
        ViewChangeStatement statement = message.Statement;
        if (Home(statement.ChainId, statement.Epoch) is { } stray) return stray;
        string? unsigned = Author(sender, statement.Replica, ViewChangeStatement.Domain, Codec.Encode(statement), message.Signature);
        if (unsigned is not null) return unsigned;
        if (statement.Checkpoint is not null && Once(statement.Checkpoint, verified, Quorum) is { } checkpoint)
            return $"checkpoint: {checkpoint}";
        foreach (PreparedCertificate prepared in statement.Prepared)
        {
            if (Once(prepared, verified, Quorum) is { } problem)
                return $"prepared certificate of height {prepared.Statement.Height}: {problem}";
        }
        return null;
    }

    /// <summary>Signed by the primary of its view, whoever passes it on.</summary>
    private string? NewView(NewView message)
    {
        NewViewStatement statement = message.Statement;
        if (Home(statement.ChainId, statement.Epoch) is { } stray) return stray;
        int primary = _set.PrimaryOf(statement.View);
        if (!Signed(primary, NewViewStatement.Domain, Codec.Encode(statement), message.Signature))
            return $"the new view {statement.View} is not signed by its primary";
        // The view changes of a quorum mostly show the same certificates: verify each once.
        var verified = new HashSet<Hash>();
        foreach (ViewChange change in statement.ViewChanges)
        {
            if (change.Statement.Replica >= _set.Count) return $"replica {change.Statement.Replica} is not in the set";
            if (ViewChange(change.Statement.Replica, change, verified) is { } problem)
                return $"view change of replica {change.Statement.Replica}: {problem}";
        }
        return null;
    }

    private string? Status(int sender, Status message)
    {
        StatusStatement statement = message.Statement;
        return Home(statement.ChainId, statement.Epoch)
            ?? Author(sender, statement.Replica, StatusStatement.Domain, Codec.Encode(statement), message.Signature);
    }

    private static string? Once<T>(T certificate, HashSet<Hash> verified, Func<T, string?> verify) where T : IWire
    {
        Hash identity = Digest.Of("ptoy/verified-once/v1", Codec.Encode(certificate));
        if (verified.Contains(identity)) return null;
        if (verify(certificate) is { } problem) return problem;
        verified.Add(identity);
        return null;
    }

    private string? Quorum(PreparedCertificate certificate) =>
        Home(certificate.Statement.ChainId, certificate.Statement.Epoch)
        ?? Quorum(VoteStatement.PrepareDomain, Codec.Encode(certificate.Statement), certificate.Signatures);

    private string? Quorum(CommitCertificate certificate) =>
        Home(certificate.Statement.ChainId, certificate.Statement.Epoch)
        ?? Quorum(VoteStatement.CommitDomain, Codec.Encode(certificate.Statement), certificate.Signatures);

    private string? Quorum(ExecutionCertificate certificate) =>
        Home(certificate.Statement.ChainId, certificate.Statement.Epoch)
        ?? Quorum(ExecutionStatement.Domain, Codec.Encode(certificate.Statement), certificate.Signatures);

    private string? Quorum(string domain, byte[] statement, ReplicaSignature[] signatures)
    {
        int previous = -1;
        foreach (ReplicaSignature signature in signatures)
        {
            if (signature.Replica <= previous) return "signatures are not in the order of replicas, or one is repeated";
            previous = signature.Replica;
            if (previous >= _set.Count) return $"replica {previous} is not in the set";
            if (!Signed(previous, domain, statement, signature.Signature)) return $"the signature of replica {previous} is wrong";
        }
        return signatures.Length >= _quorum ? null : $"{signatures.Length} signatures, fewer than the quorum of {_quorum}";
    }

    private bool Signed(int replica, string domain, byte[] message, Signature signature) =>
        _signatures.Verify(_set.Members[replica].NodeKey, domain, message, signature);
}
