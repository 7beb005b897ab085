using System.Text;
using Ptoy.EndToEnd.Demo;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Storage;
using Ptoy.Storage.Mail;
using Ptoy.Storage.Records;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.Scan;

/// <summary>What a scan looked at and found.</summary>
public sealed record ScanResult(long Files, long Values, long Bytes, IReadOnlyList<string> Found);

/// <summary>
/// Reads every raw file, and every key and value of every store, decrypted with the operators' keys, and looks for what must not be there.
/// The network is stopped meanwhile.
/// </summary>
public sealed class PrivacyScan(Stage stage, Playbook play, IReadOnlyList<Person> people)
{
    private const int Planted = 50;
    private const int Overlap = 4096;
    private const int MaxWraps = 2_000;
    private static readonly string[] ChainTables = ["blocks", "bodies", "pending-bodies", "receipts", "state-values", "state-nodes", "executed", "commits", "executions"];

    /// <summary>Plays it: the real data, then the positive control.</summary>
    public async Task<string> PlayAsync()
    {
        await stage.StopServicesAsync().ConfigureAwait(false);
        Require(await stage.Network.StopAsync().ConfigureAwait(false), "a node did not stop cleanly");
        Needles needles = Needles.Of(people, (int)stage.Options.Seed);
        var searcher = new ByteSearcher(needles.Strings.Keys);
        string[] roots = [.. stage.Network.Layout.Nodes.Select(n => n.Directory), stage.ConnectorFolder, stage.AuthorityFolder, stage.ServicesLog];
        ScanResult raw = ScanFiles(roots, searcher);
        ScanResult values = ScanValues(needles, searcher);
        Report(raw, values, needles);
        string[] findings = [.. raw.Found, .. values.Found];
        Require(findings.Length == 0, $"{findings.Length} findings: {string.Join("; ", findings.Take(5))}");
        int control = PositiveControl();
        Require(control == Planted, $"the positive control found {control} of {Planted} planted strings");
        play.Say($"positive control: of {Planted} strings planted through the real store, the same scan finds {control}");
        return $"{needles.Strings.Count + needles.Words.Count} strings in {(raw.Bytes + values.Bytes) / (1024 * 1024)} MiB: none found; control {control} of {Planted}";
    }

    private void Report(ScanResult raw, ScanResult values, Needles needles)
    {
        play.Say($"looked for {needles.Strings.Count} strings (UTF-8, UTF-16, base64) and {needles.Words.Count} short names (whole words in decoded text)");
        play.Say($"in {raw.Files} raw files ({raw.Bytes / (1024 * 1024)} MiB) and {values.Values} decrypted keys and values ({values.Bytes / (1024 * 1024)} MiB)");
        play.Say("in blocks and state also for compartment names, codes of the records, and wraps");
        play.Say("excepted, and not decrypted: the authority's directory.sealed and hospital A's own state");
    }

    private static ScanResult ScanFiles(IEnumerable<string> roots, ByteSearcher searcher)
    {
        long files = 0, bytes = 0;
        var found = new List<string>();
        foreach (string root in roots)
        {
            IEnumerable<string> all = Directory.Exists(root) ? Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories) : [root];
            foreach (string file in all)
            {
                files++;
                bytes += ScanFile(file, searcher, found);
            }
        }
        return new ScanResult(files, 0, bytes, found);
    }

    private static long ScanFile(string file, ByteSearcher searcher, List<string> found)
    {
        using FileStream stream = File.OpenRead(file);
        var buffer = new byte[(8 * 1024 * 1024) + Overlap];
        int kept = 0;
        long total = 0;
        while (true)
        {
            int read = stream.Read(buffer, kept, buffer.Length - kept);
            if (read == 0) return total;
            total += read;
            int length = kept + read;
            foreach (string text in searcher.Find(buffer.AsSpan(0, length))) found.Add($"{Path.GetFileName(file)}: a {text.Length}-character string");
            kept = Math.Min(Overlap, length);
            buffer.AsSpan(length - kept, kept).CopyTo(buffer);
        }
    }

    private ScanResult ScanValues(Needles needles, ByteSearcher searcher)
    {
        HashSet<string> codes = Needles.Codes(people);
        long count = 0, bytes = 0;
        var found = new List<string>();
        foreach (DevnetNode node in stage.Network.Layout.Nodes)
        {
            using StoreScanner scanner = StoreScanner.Open(node.DataDir, StorageKey(node));
            ByteSearcher chain = ChainSearcher(scanner);
            foreach (StoredEntry entry in scanner.Entries())
            {
                count++;
                bytes += entry.Key.Length + entry.Value.Length;
                foreach (string text in searcher.Find(entry.Value).Concat(searcher.Find(entry.Key))) found.Add($"{node.Name} {entry.Table}: {needles.Strings[text]}");
                foreach (string word in WordsOf(entry.Value)) if (needles.Words.Contains(word)) found.Add($"{node.Name} {entry.Table}: a short family name");
                if (!ChainTables.Contains(entry.Table)) continue;
                foreach (string text in chain.Find(entry.Value)) found.Add($"{node.Name} {entry.Table}: {text}");
                foreach (string word in WordsOf(entry.Value)) if (codes.Contains(word)) found.Add($"{node.Name} {entry.Table}: a code of a record");
            }
        }
        return new ScanResult(0, count, bytes, found);
    }

    /// <summary>In blocks and state, compartment names (as JSON text) and wraps (as bytes, hexadecimal and base64) must not occur either.</summary>
    private static ByteSearcher ChainSearcher(StoreScanner scanner)
    {
        var searcher = new ByteSearcher(Compartments.Names.Select(n => $"\"{n}\"").Concat(Compartments.Names.Where(n => n.Length >= Needles.MinBytes)));
        foreach (StoredEntry entry in scanner.Entries().Where(e => e.Table == "wraps").Take(MaxWraps))
        {
            // The end of an encoded wrap is its ciphertext.
            byte[] ciphertext = entry.Value[^32..];
            searcher.AddBytes(ciphertext, "a wrap");
            searcher.AddBytes(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(ciphertext)), "a wrap");
            searcher.AddBytes(Encoding.ASCII.GetBytes(Convert.ToBase64String(ciphertext[..30])), "a wrap");
        }
        return searcher;
    }

    /// <summary>Whole words in runs of readable text of some length: random bytes make short words by chance.</summary>
    private static IEnumerable<string> WordsOf(byte[] value)
    {
        const int MinRun = 24;
        int start = 0;
        for (int i = 0; i <= value.Length; i++)
        {
            if (i < value.Length && value[i] is >= 0x20 and < 0x7f) continue;
            if (i - start >= MinRun)
            {
                foreach (string word in Encoding.ASCII.GetString(value, start, i - start).Split([' ', '"', ',', '.', ':', ';', '(', ')', '[', ']', '{', '}', '\''], StringSplitOptions.RemoveEmptyEntries))
                    yield return word;
            }
            start = i + 1;
        }
    }

    private int PositiveControl()
    {
        DevnetNode node = stage.Network.Layout.Nodes[0];
        string copy = Path.Combine(stage.Options.Directory, "control");
        if (Directory.Exists(copy)) Directory.Delete(copy, recursive: true);
        CopyDirectory(node.DataDir, copy);
        string[] planted = [.. Enumerable.Range(0, Planted).Select(i => $"planted-string-{i:D2}-{Guid.NewGuid():N}")];
        Plant(node, copy, planted);
        var searcher = new ByteSearcher(planted);
        var found = new HashSet<string>();
        using (StoreScanner scanner = StoreScanner.Open(copy, StorageKey(node)))
        {
            foreach (StoredEntry entry in scanner.Entries()) found.UnionWith(searcher.Find(entry.Value));
        }
        Directory.Delete(copy, recursive: true);
        return found.Count;
    }

    /// <summary>Half into mail, half into records, through the store that nodes use; spelt in UTF-8, UTF-16 and base64.</summary>
    private void Plant(DevnetNode node, string directory, string[] strings)
    {
        using NodeStore store = NodeStore.Open(new StoreOptions
        {
            Directory = directory,
            StorageKey = StorageKey(node),
            ChainId = stage.Chain.ChainId,
            NodeKey = node.NodeKey,
        });
        Address account = stage.Hospitals.Hospitals[3].Address;
        for (int i = 0; i < strings.Length; i++)
        {
            byte[] bytes = (i % 3) switch
            {
                0 => Encoding.UTF8.GetBytes($"some text around {strings[i]} and behind"),
                1 => Encoding.Unicode.GetBytes($"{strings[i]}."),
                _ => Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes($"x{strings[i]}y"))),
            };
            Hash id = new(System.Security.Cryptography.SHA256.HashData(bytes));
            if (i % 2 == 0) store.Mail.Put(account, new StoredMail(id, ulong.MaxValue, bytes));
            else store.Records.Put(new ManifestUpload { Root = id, Owner = account, Manifest = bytes, Records = [new SealedRecord(id, id, bytes)], Wraps = [], ReceivedMs = 1 });
        }
    }

    private static byte[] StorageKey(DevnetNode node) => Convert.FromHexString(File.ReadAllText(Path.Combine(node.Directory, "storage.key")).Trim());

    private static void CopyDirectory(string from, string to)
    {
        foreach (string directory in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, directory)));
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories)) File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }
}
