using NUnit.Framework;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class PressureTests
{
    [Test]
    public void A_store_that_keeps_up_says_nothing()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store, ("Token//a", "1"));
        StorePressure pressure = store.Pressure();
        Assert.That(pressure.Problem(), Is.Null);
        Assert.That((pressure.Stopped, pressure.DelayedBytesPerSecond), Is.EqualTo((false, 0UL)));
        Assert.That(pressure.Table, Is.Not.Empty);
    }

    [Test]
    public void A_store_that_does_not_keep_up_says_why()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(new StorePressure(true, 0, 0, "bodies").Problem(), Does.Contain("cannot write for the moment"));
            Assert.That(new StorePressure(false, 16 << 20, 0, "bodies").Problem(), Does.Contain("slowed down to 16384 KiB/s"));
            Assert.That(new StorePressure(false, 0, StorePressure.MostPending + 1, "bodies").Problem(), Does.Contain("32 GiB of merging"));
        }
    }
}
