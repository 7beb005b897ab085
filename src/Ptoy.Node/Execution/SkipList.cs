using System.Collections.Concurrent;
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

    private readonly ConcurrentDictionary<Hash, byte> _skipped = new();

    /// <summary>True when the members agreed to skip this transaction.</summary>
    public bool Contains(Hash transaction) => _skipped.ContainsKey(transaction);

    /// <summary>One member's signature: what <c>ptoy chain skip-tx --sign</c> prints.</summary>
    public static Signature Sign(Hash chainId, Hash transaction, SigningKey nodeKey) => nodeKey.Sign(Domain, Message(chainId, transaction));

    /// <summary>The file's text: transaction and signatures by node key.</summary>
    public static string Write(Hash transaction, IReadOnlyDictionary<PublicKey, Signature> signatures) => JsonSerializer.Serialize(new
    {
        transaction = transaction.ToString(),
        signatures = signatures.ToDictionary(s => s.Key.ToString(), s => Convert.ToHexStringLower(s.Value.Bytes)),
    });

    /// <summary>Reads every file of a directory. Throws <see cref="FormatException"/> naming the file that is wrong.</summary>
    public static SkipList Load(string directory, Hash chainId, ValidatorSet validators)
    {
        var list = new SkipList();
        if (!Directory.Exists(directory)) return list;
        foreach (string file in Directory.EnumerateFiles(directory, "*.json"))
        {
            try
            {
                list._skipped[Verify(File.ReadAllText(file), chainId, validators)] = 0;
            }
            catch (Exception e) when (e is FormatException or JsonException or KeyNotFoundException or InvalidOperationException)
            {
                throw new FormatException($"skip record '{file}': {e.Message}");
            }
        }
        return list;
    }

    /// <summary>The transaction that a quorum signed to skip. Throws <see cref="FormatException"/> saying what is wrong.</summary>
    public static Hash Verify(string json, Hash chainId, ValidatorSet validators)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        Hash transaction = Hash.Parse(document.RootElement.GetProperty("transaction").GetString()!);
        var signers = new HashSet<int>();
        foreach (JsonProperty signature in document.RootElement.GetProperty("signatures").EnumerateObject())
        {
            PublicKey key = PublicKey.Parse(signature.Name);
            int index = validators.IndexOf(key);
            if (index < 0) throw new FormatException("signed by a key that is not a member's");
            var bytes = new Signature(SuiteId.Ed25519, Convert.FromHexString(signature.Value.GetString()!));
            if (!Signing.Verify(key, Domain, Message(chainId, transaction), bytes)) throw new FormatException($"the signature of replica {index} is wrong");
            signers.Add(index);
        }
        return signers.Count >= validators.Quorum
            ? transaction
            : throw new FormatException($"{signers.Count} members signed, fewer than the quorum of {validators.Quorum}");
    }

    private static byte[] Message(Hash chainId, Hash transaction) => Encoding.ASCII.GetBytes($"{chainId}|{transaction}");
}
