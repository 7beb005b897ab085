using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Ptoy.Services.Hosting;

/// <summary>
/// The process's .NET meters whose name begins with <c>Ptoy.</c>, as Prometheus text. Counters as they are, histograms as count and sum. At most
/// <see cref="MaxSeries"/> series; what comes later is counted in <c>ptoy_metrics_dropped_total</c>.
/// </summary>
public sealed class MetricsText : IDisposable
{
    /// <summary>Most series.</summary>
    public const int MaxSeries = 2_000;

    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, (string Type, SortedDictionary<string, double> Series)> _families = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private int _series;
    private long _dropped;

    /// <summary>Begins to listen.</summary>
    public MetricsText()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Ptoy.", StringComparison.Ordinal)) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Take(i, value, tags));
        _listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Take(i, value, tags));
        _listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Take(i, value, tags));
        _listener.Start();
    }

    /// <summary>The text now, with these gauges of the parts before it.</summary>
    public string Write(IEnumerable<(string Part, bool Ok)> parts)
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        text.Append("# TYPE ptoy_part_ok gauge\n");
        foreach ((string part, bool ok) in parts) text.Append(CultureInfo.InvariantCulture, $"ptoy_part_ok{{part=\"{Escape(part)}\"}} {(ok ? 1 : 0)}\n");
        text.Append(CultureInfo.InvariantCulture, $"# TYPE ptoy_process_working_set_bytes gauge\nptoy_process_working_set_bytes {Environment.WorkingSet}\n");
        lock (_lock)
        {
            foreach ((string name, (string type, SortedDictionary<string, double> series)) in _families)
            {
                text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {type}\n");
                foreach ((string labels, double value) in series) text.Append(CultureInfo.InvariantCulture, $"{name}{labels} {value}\n");
            }
            text.Append(CultureInfo.InvariantCulture, $"# TYPE ptoy_metrics_dropped_total counter\nptoy_metrics_dropped_total {_dropped}\n");
        }
        return text.ToString();
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string name = Name(instrument.Name), labels = Labels(tags), kind = instrument.GetType().Name;
        lock (_lock)
        {
            if (kind.StartsWith("Histogram", StringComparison.Ordinal))
            {
                Put($"{name}_count", "counter", labels, 1, add: true);
                Put($"{name}_sum", "counter", labels, value, add: true);
            }
            else if (kind.StartsWith("Counter", StringComparison.Ordinal)) Put($"{name}_total", "counter", labels, value, add: true);
            else if (kind.StartsWith("ObservableCounter", StringComparison.Ordinal)) Put($"{name}_total", "counter", labels, value, add: false);
            else Put(name, "gauge", labels, value, add: kind.StartsWith("UpDown", StringComparison.Ordinal));
        }
    }

    private void Put(string name, string type, string labels, double value, bool add)
    {
        if (!_families.TryGetValue(name, out var family)) _families[name] = family = (type, new SortedDictionary<string, double>(StringComparer.Ordinal));
        if (!family.Series.TryGetValue(labels, out double before))
        {
            if (_series >= MaxSeries)
            {
                _dropped++;
                return;
            }
            _series++;
        }
        family.Series[labels] = add ? before + value : value;
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length == 0) return "";
        var parts = new List<string>();
        foreach (KeyValuePair<string, object?> tag in tags) parts.Add($"{Name(tag.Key)}=\"{Escape(Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "")}\"");
        return $"{{{string.Join(',', parts)}}}";
    }

    private static string Name(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
