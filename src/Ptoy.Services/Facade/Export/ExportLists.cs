using System.Text;
using Ptoy.Services.Common;

namespace Ptoy.Services.Facade.Export;

/// <summary>An export's files as lists of records: one line a patient, the account and then record ids.</summary>
internal sealed class ExportLists(SealedStore store, SealedTable table, string job, int perFile)
{
    private readonly Dictionary<string, Open> _open = new(StringComparer.Ordinal);
    private readonly List<ExportFile> _files = [];

    private sealed class Open
    {
        public int Number { get; set; } = 1;

        public int Count { get; set; }

        public string Patient { get; set; } = "";

        public StringBuilder Text { get; } = new();
    }

    public void Add(string type, string patient, string record)
    {
        if (!_open.TryGetValue(type, out Open? file)) _open[type] = file = new Open();
        if (file.Count >= perFile) Write(type, file);
        if (file.Patient != patient)
        {
            if (file.Text.Length > 0) file.Text.Append('\n');
            file.Text.Append(patient);
            file.Patient = patient;
        }
        file.Text.Append(' ').Append(record);
        file.Count++;
    }

    public ExportFile[] Close()
    {
        foreach ((string type, Open file) in _open) Write(type, file);
        return [.. _files.OrderBy(f => f.Type, StringComparer.Ordinal).ThenBy(f => f.Number)];
    }

    public static IEnumerable<(string Patient, string[] Records)> Read(SealedTable table, string job, ExportFile file)
    {
        if (table.Get($"{job}/{file.Name}") is not { } bytes) yield break;
        foreach (string line in Encoding.ASCII.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(' ');
            yield return (parts[0], parts[1..]);
        }
    }

    private void Write(string type, Open file)
    {
        if (file.Count == 0) return;
        var made = new ExportFile(type, file.Number, file.Count);
        byte[] bytes = Encoding.ASCII.GetBytes(file.Text.ToString());
        store.Write(b => b.Put(table, $"{job}/{made.Name}", bytes));
        _files.Add(made);
        file.Number++;
        (file.Count, file.Patient) = (0, "");
        file.Text.Clear();
    }
}
