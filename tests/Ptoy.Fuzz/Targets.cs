using System.Reflection;
using System.Text;
using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Consensus;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Tests.Wire;
using Ptoy.Protocol.Wire;
using Ptoy.Services.Fhir;

namespace Ptoy.Fuzz;

/// <summary>Everything that reads bytes from outside.</summary>
internal static class Targets
{
    public static IReadOnlyList<FuzzTarget> All() => [.. Wire(), .. Ledger(), StateRanges(), .. Sealing(), .. Texts(), .. Json(),
        .. ContractTargets.All(), .. TransportTargets.All(), .. LogTargets.All(), Hl7Targets.Message(), Hl7Targets.Batch(), RpcTarget.Dispatcher(), NodeRpcTarget.Make()];

    /// <summary>Decoding is one-to-one: what is accepted encodes to the same bytes.</summary>
    private static IEnumerable<FuzzTarget> Wire() => Samples.All.Select(sample => FuzzTarget.Of<WireException>(
        $"wire.{sample.Type.Name}", [sample.Bytes],
        bytes => Require(sample.Reencode(bytes).AsSpan().SequenceEqual(bytes), "accepted bytes that are not the canonical ones"))).DistinctBy(t => t.Name);

    private static IEnumerable<FuzzTarget> Ledger()
    {
        byte[] transaction = Samples.All.Single(s => s.Type == typeof(SignedTransaction)).Bytes;
        yield return FuzzTarget.Of<WireException>("transaction", [transaction], bytes =>
        {
            Transaction decoded = Transaction.Decode(bytes);
            Require(Codec.Encode(decoded.Envelope).AsSpan().SequenceEqual(bytes), "not canonical");
            decoded.VerifySignatures();
        });
        byte[][] envelopes = [.. Envelopes()];
        ValidatorSet set = Codec.Decode<ValidatorSet>(Samples.All.First(s => s.Type == typeof(ValidatorSet)).Bytes, 1 << 20);
        yield return Verifier("verifier.ed25519", envelopes, new MessageVerifier(Samples.ChainId, set, Ed25519Verifier.Instance));
        // With every signature taken for good, the rules behind the signatures see malformed messages too.
        yield return Verifier("verifier.rules", envelopes, new MessageVerifier(Samples.ChainId, set, new Gullible()));
    }

    /// <summary>A range that verifies lists exactly what the tree has in it, whatever was done to its bytes.</summary>
    private static FuzzTarget StateRanges()
    {
        StateItem[] items = [.. Enumerable.Range(0, 40).Select(i => new StateItem($"Token//{i}", $"{i}"))];
        StateEntry[] all = [.. items.Select(i => i.ToEntry()).OrderBy(e => e.Key)];
        Hash root = StateTree.Root(all);
        byte[][] seeds = [.. new[] { (0, 39), (0, 0), (7, 20), (39, 39) }.Select(r => Codec.Encode(StateRangeProver.Of(items, all[r.Item1].Key, all[r.Item2].Key)))];
        return new FuzzTarget("state.range", seeds, bytes =>
        {
            if (!Codec.TryDecode(bytes, StateRange.MaxBytes, out StateRange? range, out _)) return false;
            if (range!.Verify(root, out StateEntry[] entries) is { } problem)
            {
                Require(problem.Length > 0, "refused without a reason");
                return false;
            }
            IEnumerable<StateEntry> truth = all.Where(e => e.Key.CompareTo(range.From) >= 0 && e.Key.CompareTo(range.To) <= 0);
            Require(entries.SequenceEqual(truth), "a range that lies verified");
            return true;
        });
    }

    private static FuzzTarget Verifier(string name, byte[][] seeds, MessageVerifier verifier) => new(name, seeds, bytes =>
    {
        if (!Codec.TryDecode(bytes, ConsensusEnvelope.MaxBytes, out ConsensusEnvelope? envelope, out _)) return false;
        if (verifier.Verify(envelope!, out string error) is not null) return true;
        Require(error.Length > 0, "refused without a reason");
        return false;
    });

    private static IEnumerable<byte[]> Envelopes()
    {
        MethodInfo decode = typeof(Codec).GetMethod(nameof(Codec.Decode))!;
        foreach (WireCase sample in Samples.All.Where(s => s.Type.IsAssignableTo(typeof(ConsensusMessage)) && !s.Type.IsAbstract))
        {
            object message = decode.MakeGenericMethod(sample.Type).Invoke(null, [new ReadOnlyMemory<byte>(sample.Bytes), 1 << 20])!;
            for (byte sender = 0; sender < 4; sender++) yield return Codec.Encode(new ConsensusEnvelope(1, sender, (ConsensusMessage)message, []));
        }
    }

    private static IEnumerable<FuzzTarget> Sealing()
    {
        yield return FuzzTarget.Of<SealException>("sealed.header", [Samples.SealedRecord], bytes =>
            Require(SealedHeader.Decode(bytes).Encode().AsSpan().SequenceEqual(bytes.AsSpan(0, SealedHeader.Size)), "not canonical"));
        yield return FuzzTarget.Of<SealException>("sealed.open", [Samples.SealedRecord], bytes =>
        {
            Sealer.Open(bytes, Samples.Fill(0x22));
            Require(bytes.AsSpan().SequenceEqual(Samples.SealedRecord), "changed bytes were opened");
        });
        var opener = new RecordOpener(new KeyRing(Samples.Team));
        yield return FuzzTarget.Of<SealException>("sealed.package", [Codec.Encode(Samples.Package())], bytes =>
        {
            if (!Codec.TryDecode(bytes, UploadPackage.MaxBytes, out UploadPackage? package, out _)) return;
            package!.Verify();
            Hash root = package.Manifest.Root();
            for (int i = 0; i < package.Manifest.Entries.Length; i++) opener.Open(root, package.Manifest, i, package.Wraps.Of(i), package.Sealed[i]);
        });
    }

    private static IEnumerable<FuzzTarget> Texts()
    {
        string address = Samples.Alice.Address.ToString(), key = Samples.Alice.Public.ToString();
        yield return new("text.bech32m", Utf8(address, "A1LQFN3A", "split1checkupstagehandshakeupstreamerranterredcaperredlc445v"), bytes =>
        {
            string text = Encoding.UTF8.GetString(bytes);
            if (!Bech32m.TryDecodeData(text, out _, out _)) return false;
            Require(Ascii.IsValid(text), "text outside ASCII was accepted");
            if (Address.TryParse(text, out Address parsed)) Require(string.Equals(parsed.ToString(), text, StringComparison.OrdinalIgnoreCase), "another address than was written");
            return true;
        });
        yield return FuzzTarget.Of<FormatException>("text.publicKey", Utf8(key, Samples.Team.Public.ToString()), bytes =>
        {
            string text = Encoding.UTF8.GetString(bytes);
            Require(string.Equals(PublicKey.Parse(text).ToString(), text, StringComparison.OrdinalIgnoreCase), "another key than was written");
        });
        yield return new("text.contractId", Utf8("Token", $"Patient/{address}"), bytes =>
            ContractId.TryParse(Encoding.UTF8.GetString(bytes), out ContractId? id) && Same(id!));
        string phrase = string.Concat(Enumerable.Repeat("abandon ", 11)) + "about";
        yield return FuzzTarget.Of<FormatException>("text.mnemonic", Utf8(phrase), bytes =>
        {
            Mnemonic parsed = Mnemonic.Parse(Encoding.UTF8.GetString(bytes));
            Require(Mnemonic.Parse(parsed.Phrase).Phrase == parsed.Phrase, "a phrase that is not its own");
        });
    }

    private static IEnumerable<FuzzTarget> Json()
    {
        Genesis genesis = Codec.Decode<Genesis>(Samples.All.Single(s => s.Type == typeof(Genesis)).Bytes, Genesis.MaxBytes);
        yield return FuzzTarget.Of<FormatException>("json.genesis", Utf8(GenesisFile.Write(genesis)), bytes =>
        {
            Genesis parsed = GenesisFile.Parse(Encoding.UTF8.GetString(bytes));
            Require(GenesisFile.Parse(GenesisFile.Write(parsed)).ComputeChainId() == parsed.ComputeChainId(), "written and read again it is another chain");
        });
        var grant = new GrantLetter(Samples.Fill(7), [new("goals", Compartments.Tag(Samples.Fill(7), "goals"))], [new(Compartments.Tag(Samples.Fill(7), "goals"), 3, Samples.Fill(8))]);
        yield return FuzzTarget.Of<FormatException>("json.grantLetter", [grant.ToJson()], bytes => GrantLetter.Parse(GrantLetter.Parse(bytes).ToJson()));
        var team = new TeamLetter(Samples.Bob.Address, [new("physician", 2, Samples.Fill(9))]);
        yield return FuzzTarget.Of<FormatException>("json.teamLetter", [team.ToJson()], bytes => TeamLetter.Parse(TeamLetter.Parse(bytes).ToJson()));
        yield return FuzzTarget.Of<FormatException>("json.skipRecord", Utf8(SkipList.Write(Samples.ChainId, new Dictionary<PublicKey, Signature>
        {
            [Samples.Alice.Public] = SkipList.Sign(Samples.ChainId, Samples.ChainId, Samples.Alice),
        })), bytes => SkipList.Verify(Encoding.UTF8.GetString(bytes), Samples.ChainId, genesis.Validators));
        yield return Auth();
        yield return FuzzTarget.Of<KeystoreException>("json.keystore", [KeystoreFile()], bytes =>
        {
            // A file may ask for up to a gigabyte and sixteen passes, which is work and no fault.
            if (!AsksForMuch(bytes)) Keystore.Decrypt(bytes, "passphrase").Dispose();
        });
        foreach (FuzzTarget fhir in FhirTargets()) yield return fhir;
    }

    private static IEnumerable<FuzzTarget> FhirTargets()
    {
        const string Bundle = """
            {"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","id":"p",
            "name":[{"family":"Müller","given":["A\u0041"]}],"birthDate":"1970-01-01"}},{"resource":{"resourceType":"Observation","id":"o",
            "subject":{"reference":"urn:uuid:p"},"code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},"valueQuantity":{"value":1.00}}}]}
            """;
        yield return FuzzTarget.Of<BundleException>("fhir.bundle", Utf8(Bundle), bytes =>
        {
            SlicedBundle sliced = BundleSlicer.Slice(bytes);
            foreach (BundleSlice slice in sliced.Slices) Require(JsonDocument.Parse(sliced.BytesOf(slice)).RootElement.ValueKind == JsonValueKind.Object, "a slice is no resource");
            sliced.Skeleton();
        });
        const string Resource = """{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"86406008"}]}}""";
        yield return FuzzTarget.Of<FormatException>("fhir.scan", Utf8(Resource), bytes => FhirScan.Read(bytes));
    }

    private static FuzzTarget Auth()
    {
        RpcAuth auth = SignedRequest.Sign(Samples.Alice, Samples.ChainId, Samples.Bob.Public, "whoami", "{}"u8, "00112233445566778899aabbccddeeff", 1_790_000_000_000, Samples.Bob.Address);
        return new FuzzTarget("json.auth", Utf8(auth.ToJson()), bytes =>
        {
            JsonDocument document;
            try
            {
                document = RpcJson.Parse(bytes);
            }
            catch (JsonException)
            {
                return false;
            }
            using (document)
            {
                if (RpcAuth.Parse(document.RootElement, out string problem) is not null) return true;
                Require(problem.Length > 0, "refused without a reason");
                return false;
            }
        });
    }

    private static byte[] KeystoreFile()
    {
        using Keystore keystore = Keystore.FromSeed(new byte[64]);
        return keystore.Encrypt("passphrase", new Argon2Cost(8, 1, 1));
    }

    private static bool AsksForMuch(byte[] json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement kdf = document.RootElement.GetProperty("kdf");
            return kdf.GetProperty("memoryKiB").GetInt32() > 4096;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return false; // The keystore has to refuse it by itself.
        }
    }

    private static bool Same(ContractId id)
    {
        Require(ContractId.TryParse(id.ToString(), out ContractId? again) && again == id, "its text is another contract");
        return true;
    }

    internal static IReadOnlyList<byte[]> Utf8(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    internal static void Require(bool condition, string otherwise)
    {
        if (!condition) throw new FindingException(otherwise);
    }

    private sealed class Gullible : ISignatureVerifier
    {
        public bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature) => true;
    }
}
