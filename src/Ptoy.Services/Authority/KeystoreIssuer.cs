using System.Text;
using Ptoy.Client.Keys;

namespace Ptoy.Services.Authority;

/// <summary>Makes a phrase and a vault root, and hands them out as an encrypted keystore.</summary>
public sealed class KeystoreIssuer(Argon2Cost? cost = null) : IKeystoreIssuer
{
    /// <inheritdoc/>
    public IssuedKeys Issue(string passphrase)
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Create());
        using AccountKeys keys = keystore.Account();
        return new IssuedKeys(keys.Signing.Public, keys.Sealing.Public, Encoding.UTF8.GetString(keystore.Encrypt(passphrase, cost)));
    }
}
