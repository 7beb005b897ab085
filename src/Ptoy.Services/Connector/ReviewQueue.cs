using System.Globalization;
using Ptoy.Services.Common;

namespace Ptoy.Services.Connector;

/// <summary>Something that the hospital's staff have to decide.</summary>
/// <param name="Number">Names it.</param>
/// <param name="Kind">Such as <c>merge</c>, <c>undo-merge</c>, <c>imaging</c>.</param>
/// <param name="Subjects">What it is about: ids, in an order that the kind knows. Sealed at rest, for staff's eyes.</param>
/// <param name="Reason">Why it is here; without personal data.</param>
/// <param name="Time">Since when.</param>
public sealed record ReviewItem(long Number, string Kind, string[] Subjects, string Reason, DateTimeOffset Time);

/// <summary>What could not be decided without people, sealed at rest. Each question is there once, however often it comes up.</summary>
public sealed class ReviewQueue
{
    /// <summary>Most items. Beyond it <see cref="Add"/> throws: a queue that nobody looks at must not hide that.</summary>
    public const int MaxItems = 100_000;

    private readonly SealedStore _store;
    private readonly SealedTable _rows;
    private readonly SortedDictionary<long, ReviewItem> _items = [];
    private readonly Lock _lock = new();
    private long _last;

    internal ReviewQueue(SealedStore store)
    {
        (_store, _rows) = (store, store.Table("reviews", ordered: true));
        foreach ((string _, byte[] value) in _rows.Scan())
        {
            ReviewItem item = ConnectorState.Read<ReviewItem>(value);
            _items[item.Number] = item;
            _last = Math.Max(_last, item.Number);
        }
    }

    /// <summary>What is open, oldest first.</summary>
    public IReadOnlyList<ReviewItem> Open
    {
        get { lock (_lock) return [.. _items.Values]; }
    }

    /// <summary>Puts a question into the queue, or finds it there. Throws <see cref="InvalidOperationException"/> when the queue is full.</summary>
    public ReviewItem Add(string kind, IReadOnlyList<string> subjects, string reason, DateTimeOffset now)
    {
        lock (_lock)
        {
            if (_items.Values.FirstOrDefault(i => i.Kind == kind && i.Subjects.SequenceEqual(subjects)) is { } known) return known;
            if (_items.Count >= MaxItems) throw new InvalidOperationException($"the review queue holds {MaxItems} items; decide some of them first");
            var item = new ReviewItem(_last + 1, kind, [.. subjects], reason, now);
            _store.Write(b => b.Put(_rows, KeyOf(item.Number), ConnectorState.Bytes(item)));
            _items[item.Number] = item;
            _last = item.Number;
            return item;
        }
    }

    /// <summary>Takes a question out, decided. False when it is not there.</summary>
    public bool Close(long number)
    {
        lock (_lock)
        {
            if (!_items.ContainsKey(number)) return false;
            _store.Write(b => b.Delete(_rows, KeyOf(number)));
            return _items.Remove(number);
        }
    }

    private static string KeyOf(long number) => number.ToString("x16", CultureInfo.InvariantCulture);
}
