using System.Text;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Execution;

/// <summary>
/// The way out after an emergency stop: a quorum of members signs that one transaction gets a failed receipt without being run.
/// Records are JSON files in the directory <c>skip</c> of the data directory, read at start: the node has halted anyway.
/// </summary>
public sealed class SkipList
{
    /// <summary>Domain of the members' signatures, over the text <c>{chainId}|{transaction}</c>.</summary>
    public const string Domain = "ptoy/skip-tx/v1";

    private readonly List<(Hash Transaction, IReadOnlySet<PublicKey> Signers)> _records = [];

    /// <summary>
    /// True when a quorum of these members agreed to skip this transaction: the validators of the epoch of the block that lists it. Those of
    /// other epochs, former members among them, have no say in it.
    /// </summary>
    public bool Contains(Hash transaction, ValidatorSet validators) =>
        _records.Exists(r => r.Transaction == transaction && validators.Members.Count(m => r.Signers.Contains(m.NodeKey)) >= validators.Quorum);

    /// <summary>One member's signature: what <c>ptoy chain skip-tx --sign</c> prints.</summary>
    public static Signature Sign(Hash chainId, Hash transaction, SigningKey nodeKey) => nodeKey.Sign(Domain, Message(chainId, transaction));

    /// <summary>The file's text: transaction and signatures by node key.</summary>
    public static string Write(Hash transaction, IReadOnlyDictionary<PublicKey, Signature> signatures) => JsonSerializer.Serialize(new
    {
        transaction = transaction.ToString(),
        signatures = signatures.ToDictionary(s => s.Key.ToString(), s => Convert.ToHexStringLower(s.Value.Bytes)),
    });

    /// <summary>
    /// Reads every file of a directory. <paramref name="sets"/> are the validators of the epochs known here; a record that a stranger to all of
    /// them signed may be of an epoch that this node has not come to yet. Throws <see cref="FormatException"/> naming the file that is wrong.
    /// </summary>
    public static SkipList Load(string directory, Hash chainId, params IReadOnlyList<ValidatorSet> sets)
    {
        var list = new SkipList();
        if (!Directory.Exists(directory)) return list;
        foreach (string file in Directory.EnumerateFiles(directory, "*.json"))
        {
            try
            {
                list._records.Add(Checked(File.ReadAllText(file), chainId, sets));
            }
            catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
            {
                throw new FormatException($"skip record '{file}': {e.Message}");
            }
        }
        return list;
    }

    private static (Hash Transaction, IReadOnlySet<PublicKey> Signers) Checked(string json, Hash chainId, IReadOnlyList<ValidatorSet> sets)
    {
        (Hash transaction, IReadOnlyList<(PublicKey Key, Signature Signature)> signatures) = Read(json);
        foreach ((PublicKey key, Signature signature) in signatures)
        {
            if (!Signing.Verify(key, Domain, Message(chainId, transaction), signature)) throw new FormatException($"the signature of {key} is wrong");
        }
        HashSet<PublicKey> signers = [.. signatures.Select(s => s.Key)];
        bool known = signers.All(key => sets.Any(set => set.IndexOf(key) >= 0));
        int most = sets.Max(set => set.Members.Count(m => signers.Contains(m.NodeKey)) - set.Quorum);
        return !known || most >= 0 ? (transaction, signers) : throw new FormatException($"{signers.Count} members signed, in no epoch a quorum");
    }

    /// <summary>The transaction that a quorum signed to skip. Throws <see cref="FormatException"/> saying what is wrong.</summary>
    public static Hash Verify(string json, Hash chainId, ValidatorSet validators)
    {
        (Hash transaction, IReadOnlyList<(PublicKey Key, Signature Signature)> signatures) = Read(json);
        var signers = new HashSet<int>();
        foreach ((PublicKey key, Signature signature) in signatures)
        {
            int index = validators.IndexOf(key);
            if (index < 0) throw new FormatException("signed by a key that is not a member's");
            if (!Signing.Verify(key, Domain, Message(chainId, transaction), signature)) throw new FormatException($"the signature of replica {index} is wrong");
            signers.Add(index);
        }
        return signers.Count >= validators.Quorum
            ? transaction
            : throw new FormatException($"{signers.Count} members signed, fewer than the quorum of {validators.Quorum}");
    }

    private static (Hash Transaction, IReadOnlyList<(PublicKey, Signature)> Signatures) Read(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            Hash transaction = Hash.Parse(Text(document.RootElement.GetProperty("transaction"), "transaction"));
            var signatures = new List<(PublicKey, Signature)>();
            foreach (JsonProperty member in document.RootElement.GetProperty("signatures").EnumerateObject())
            {
                var signature = new Signature(SuiteId.Ed25519, Convert.FromHexString(Text(member.Value, "signatures")));
                if (signature.Problem() is { } problem) throw new FormatException(problem);
                signatures.Add((PublicKey.Parse(member.Name), signature));
            }
            return (transaction, signatures);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"not an object with transaction and signatures: {e.Message}", e);
        }
    }

    private static string Text(JsonElement value, string name) => value.GetString() ?? throw new FormatException($"{name}: null, not text");

    private static byte[] Message(Hash chainId, Hash transaction) => Encoding.ASCII.GetBytes($"{chainId}|{transaction}");
}
