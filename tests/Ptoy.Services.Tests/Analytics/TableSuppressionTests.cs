using NUnit.Framework;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Analytics;

[TestFixture]
internal sealed class TableSuppressionTests
{
    [Test]
    public void A_table_without_small_counts_is_published_whole()
    {
        ProtectedTable table = TableSuppression.Protect([[20, 0], [31, 40]], 11);
        Assert.That(table.Cells, Is.EqualTo(new long?[][] { [20, 0], [31, 40] }));
        Assert.That((table.RowTotals[0], table.ColumnTotals[1], table.Total), Is.EqualTo(((long?)20, (long?)40, (long?)91)));
    }

    [Test]
    public void A_single_small_count_takes_others_with_it_so_that_no_subtraction_gives_it_back()
    {
        ProtectedTable table = TableSuppression.Protect([[5, 50, 30], [40, 20, 60], [70, 80, 90]], 11);
        Assert.That(table.Cells[0][0], Is.Null);
        Assert.That(table.Cells.Sum(r => r.Count(c => c is null)), Is.GreaterThanOrEqualTo(4), "a rectangle at least, or margins");
        Assert.That(table.Total, Is.EqualTo(445));
    }

    [Test]
    public void In_one_row_the_partner_is_the_smallest_other_count()
    {
        ProtectedTable table = TableSuppression.Protect([[3, 15, 90, 200]], 11);
        Assert.That(table.Cells[0], Is.EqualTo(new long?[] { null, null, 90, 200 }));
    }

    /// <summary>
    /// The attacker: tries every table of small non-negative numbers that agrees with everything published, and notes which values each small
    /// count can have. With a threshold of 3 there must be three of them at least.
    /// </summary>
    [Test]
    public void Nobody_can_confine_a_small_count_whatever_the_table()
    {
        const int Threshold = 3, Largest = 6;
        var random = new SeededRandom(5);
        int small = 0;
        for (int round = 0; round < 300; round++)
        {
            int rows = random.Between(1, 2), columns = random.Between(2, 3);
            long[][] cells = [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, columns).Select(_ => (long)random.Below(Largest)).ToArray())];
            ProtectedTable table = TableSuppression.Protect(cells, Threshold);
            HashSet<long>[] possible = Possible(table, rows, columns, 2 * Largest);
            for (int i = 0; i < rows * columns; i++)
            {
                long value = cells[i / columns][i % columns];
                if (value is 0 or >= Threshold) continue;
                small++;
                Assert.That(table.Cells[i / columns][i % columns], Is.Null);
                Assert.That(possible[i], Has.Count.GreaterThanOrEqualTo(Threshold), $"round {round}, cell {i}");
            }
        }
        Assert.That(small, Is.GreaterThan(200), "the rounds had something to hide");
    }

    [Test]
    public void A_malformed_table_is_refused()
    {
        Assert.Throws<ArgumentException>(() => TableSuppression.Protect([], 11));
        Assert.Throws<ArgumentException>(() => TableSuppression.Protect([[1, 2], [3]], 11));
        Assert.Throws<ArgumentException>(() => TableSuppression.Protect([[-1]], 11));
        Assert.Throws<ArgumentOutOfRangeException>(() => TableSuppression.Protect([[1]], 1));
    }

    private static HashSet<long>[] Possible(ProtectedTable table, int rows, int columns, int most)
    {
        HashSet<long>[] possible = [.. Enumerable.Range(0, rows * columns).Select(_ => new HashSet<long>())];
        var guess = new long[rows * columns];
        void Try(int at)
        {
            if (at == guess.Length)
            {
                if (!Agrees()) return;
                for (int i = 0; i < guess.Length; i++) possible[i].Add(guess[i]);
                return;
            }
            if (table.Cells[at / columns][at % columns] is { } known)
            {
                guess[at] = known;
                Try(at + 1);
                return;
            }
            for (guess[at] = 0; guess[at] <= most; guess[at]++) Try(at + 1);
        }
        bool Agrees()
        {
            for (int i = 0; i < rows; i++)
            {
                if (table.RowTotals[i] is { } total && total != Enumerable.Range(0, columns).Sum(j => guess[(i * columns) + j])) return false;
            }
            for (int j = 0; j < columns; j++)
            {
                if (table.ColumnTotals[j] is { } total && total != Enumerable.Range(0, rows).Sum(i => guess[(i * columns) + j])) return false;
            }
            return table.Total is not { } all || all == guess.Sum();
        }
        Try(0);
        return possible;
    }
}
