namespace Ptoy.Services.Analytics.Cohort;

/// <summary>A table of counts with its margins, in which some are withheld (null).</summary>
/// <param name="Cells">By row, then column.</param>
/// <param name="RowTotals">One each row.</param>
/// <param name="ColumnTotals">One each column.</param>
/// <param name="Total">Of everything.</param>
internal sealed record ProtectedTable(long?[][] Cells, long?[] RowTotals, long?[] ColumnTotals, long? Total);

/// <summary>
/// Withholds small counts, and as many others as it takes that none of them follows from the rest. A count from 1 to threshold - 1 is small;
/// zero is not, and margins count too. What is left is audited: for each small count the reader, who knows every published number
/// and that counts are not negative, must be left with at least as many possible values as the threshold. The possible values of a cell are found by
/// maximum flow: a table with margins is a circulation, and a withheld cell can grow as far as the withheld others let flow go round.
/// It protects within one table; what several overlapping tables tell together it cannot see.
/// </summary>
internal static class TableSuppression
{
    /// <summary>Most rows or columns.</summary>
    public const int MaxSide = 24;

    /// <summary>The table as it may be published.</summary>
    public static ProtectedTable Protect(long[][] cells, int threshold)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threshold, 2);
        if (cells.Length is 0 or > MaxSide || cells[0].Length is 0 or > MaxSide || cells.Any(r => r.Length != cells[0].Length || r.Any(c => c < 0)))
            throw new ArgumentException($"a table has 1 to {MaxSide} rows and columns, all rows of one length, no negative counts", nameof(cells));
        var grid = new Grid(cells, threshold);
        grid.HideSmall();
        while (grid.FindExposed() is { } exposed && grid.HideAnother(exposed)) { }
        return grid.Publish();
    }

    /// <summary>
    /// Edges of the circulation: row i to column j carries the cell, column j to "all rows" its total, "all columns" to row i the row's total, "all rows"
    /// to "all columns" the grand total. Rows are nodes 0.., then all rows; columns follow, then all columns.
    /// </summary>
    private sealed class Grid
    {
        private readonly int _rows, _columns, _threshold;
        private readonly long[,] _value;
        private readonly bool[,] _isHidden;

        public Grid(long[][] cells, int threshold)
        {
            (_rows, _columns, _threshold) = (cells.Length, cells[0].Length, threshold);
            _value = new long[_rows + 1, _columns + 1];
            _isHidden = new bool[_rows + 1, _columns + 1];
            for (int i = 0; i < _rows; i++)
            {
                for (int j = 0; j < _columns; j++)
                {
                    long count = cells[i][j];
                    _value[i, j] = count;
                    _value[i, _columns] += count;
                    _value[_rows, j] += count;
                    _value[_rows, _columns] += count;
                }
            }
        }

        public void HideSmall()
        {
            foreach ((int i, int j) in Places())
            {
                // The totals of lines that have one cell repeat the cells: withheld always, or every partner would have to take its total along.
                bool isRepeated = (_rows == 1 && i == _rows && j < _columns) || (_columns == 1 && j == _columns && i < _rows);
                _isHidden[i, j] = isRepeated || IsSmall(i, j);
            }
        }

        /// <summary>A small count whose value the published ones confine too closely; null when there is none.</summary>
        public (int Row, int Column)? FindExposed()
        {
            foreach ((int i, int j) in Places())
            {
                if (IsSmall(i, j) && Room(i, j) < _threshold - 1) return (i, j);
            }
            return null;
        }

        /// <summary>
        /// Hides one more count in the exposed one's row or column: the smallest that is not zero, else a zero, margins last. Where both are
        /// all hidden, the smallest anywhere. False when nothing is left to hide.
        /// </summary>
        public bool HideAnother((int Row, int Column) exposed)
        {
            (int Row, int Column)[] open = [.. Places().Where(p => !_isHidden[p.Row, p.Column])];
            if (open.Length == 0) return false;
            (int Row, int Column)[] near = [.. open.Where(p => p.Row == exposed.Row || p.Column == exposed.Column)];
            (int Row, int Column) next = (near.Length > 0 ? near : open)
                .OrderBy(p => p.Row == _rows || p.Column == _columns).ThenBy(p => _value[p.Row, p.Column] == 0)
                // One whose own line has a hidden count already needs no further partner there.
                .ThenByDescending(p => HiddenAcross(p, exposed)).ThenBy(p => _value[p.Row, p.Column]).First();
            _isHidden[next.Row, next.Column] = true;
            return true;
        }

        public ProtectedTable Publish()
        {
            long? Shown(int i, int j) => _isHidden[i, j] ? null : _value[i, j];
            return new ProtectedTable(
                [.. Enumerable.Range(0, _rows).Select(i => Enumerable.Range(0, _columns).Select(j => Shown(i, j)).ToArray())],
                [.. Enumerable.Range(0, _rows).Select(i => Shown(i, _columns))], [.. Enumerable.Range(0, _columns).Select(j => Shown(_rows, j))],
                Shown(_rows, _columns));
        }

        private bool IsSmall(int i, int j) => _value[i, j] >= 1 && _value[i, j] < _threshold;

        private int HiddenAcross((int Row, int Column) p, (int Row, int Column) exposed) => p.Row == exposed.Row
            ? Enumerable.Range(0, _rows + 1).Count(i => _isHidden[i, p.Column]) : Enumerable.Range(0, _columns + 1).Count(j => _isHidden[p.Row, j]);

        private IEnumerable<(int Row, int Column)> Places()
        {
            for (int i = 0; i <= _rows; i++)
            {
                for (int j = 0; j <= _columns; j++) yield return (i, j);
            }
        }

        // How many more values than its true one the reader must hold possible: as far as it can grow and shrink, counted up to the threshold.
        private long Room(int row, int column)
        {
            (int from, int to) = Edge(row, column);
            long enough = _threshold;
            long up = MaxFlow(to, from, row, column, enough), down = Math.Min(_value[row, column], MaxFlow(from, to, row, column, enough));
            return up + down;
        }

        private (int From, int To) Edge(int row, int column)
        {
            int columns = _rows + 1;
            bool isRowTotal = column == _columns, isColumnTotal = row == _rows;
            // Cells and the grand total run from the row's node to the column's; the totals of one line run back.
            return isRowTotal != isColumnTotal ? (columns + column, row) : (row, columns + column);
        }

        private long MaxFlow(int source, int sink, int skipRow, int skipColumn, long enough)
        {
            int nodes = _rows + _columns + 2;
            var capacity = new long[nodes, nodes];
            foreach ((int i, int j) in Places())
            {
                if (!_isHidden[i, j] || (i == skipRow && j == skipColumn)) continue;
                (int from, int to) = Edge(i, j);
                // A withheld count may be larger without bound, and smaller down to nothing.
                capacity[from, to] += enough;
                capacity[to, from] += _value[i, j];
            }
            long flow = 0;
            while (flow < enough && Path(capacity, source, sink, nodes) is { } path)
            {
                long pushed = enough - flow;
                for (int at = sink; at != source; at = path[at]) pushed = Math.Min(pushed, capacity[path[at], at]);
                for (int at = sink; at != source; at = path[at])
                {
                    capacity[path[at], at] -= pushed;
                    capacity[at, path[at]] += pushed;
                }
                flow += pushed;
            }
            return flow;
        }

        private static int[]? Path(long[,] capacity, int source, int sink, int nodes)
        {
            var before = new int[nodes];
            Array.Fill(before, -1);
            before[source] = source;
            var queue = new Queue<int>([source]);
            while (queue.TryDequeue(out int at))
            {
                for (int next = 0; next < nodes; next++)
                {
                    if (before[next] >= 0 || capacity[at, next] == 0) continue;
                    before[next] = at;
                    if (next == sink) return before;
                    queue.Enqueue(next);
                }
            }
            return null;
        }
    }
}
