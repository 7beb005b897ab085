namespace Ptoy.Protocol.Crypto;

/// <summary>Every domain used with <see cref="Digest"/> or under a signature: one line a use, none shared.</summary>
public static class Domains
{
    /// <summary>Account address from a public key.</summary>
    public const string Address = "ptoy/address/v1";
    /// <summary>Transaction identity, over the exact body bytes.</summary>
    public const string Transaction = "ptoy/tx/v1";
    /// <summary>Block header identity.</summary>
    public const string Header = "ptoy/header/v1";
    /// <summary>Running hash of executed blocks.</summary>
    public const string Chain = "ptoy/chain/v1";
    /// <summary>Leaf of a binary Merkle tree.</summary>
    public const string MerkleLeaf = "ptoy/merkle/leaf/v1";
    /// <summary>Inner node of a binary Merkle tree.</summary>
    public const string MerkleNode = "ptoy/merkle/node/v1";
    /// <summary>Root of a binary Merkle tree: count and top node.</summary>
    public const string MerkleRoot = "ptoy/merkle/root/v1";
    /// <summary>Receipt identity.</summary>
    public const string Receipt = "ptoy/receipt/v1";
    /// <summary>Genesis identity.</summary>
    public const string Genesis = "ptoy/genesis/v1";
    /// <summary>A validator set.</summary>
    public const string Validators = "ptoy/validators/v1";
    /// <summary>Key of a state entry.</summary>
    public const string StateKey = "ptoy/state/key/v1";
    /// <summary>Leaf of the state tree.</summary>
    public const string StateLeaf = "ptoy/state/leaf/v1";
    /// <summary>Inner node of the state tree.</summary>
    public const string StateNode = "ptoy/state/node/v1";
    /// <summary>Value of a state entry.</summary>
    public const string StateValue = "ptoy/state/value/v1";
}
