namespace YoloZeroCopy.Tests.Placement;

public class FleetPlanTests
{
    [Theory]
    [InlineData(60, 3)]
    [InlineData(1000, 3)]
    [InlineData(1000, 12)]
    [InlineData(10_000, 30)]
    public void Shares_are_near_capacity(int cameras, int nodes)
    {
        Dictionary<string, int> capacities = Enumerable.Range(0, nodes).ToDictionary(static node => $"node{node}", node => 1000 + (node % 3 * 500));

        FleetPlan plan = FleetPlan.Make(Cameras(cameras), capacities);

        Assert.Empty(plan.Unplaced);
        double total = capacities.Values.Sum();
        foreach ((string node, int capacity) in capacities)
        {
            double fair = cameras * capacity / total;
            int share = plan.NodeOf.Values.Count(other => other == node);
            Assert.True(share <= Math.Max(Math.Ceiling(fair), fair * 1.05), $"{node} has {share} of {fair}");
            // Where nodes are few, the limits of the others leave each at least nine tenths.
            Assert.True(nodes > 3 || share >= Math.Floor(fair * 0.9), $"{node} has {share} of {fair}");
        }
    }

    [Fact]
    public void A_node_that_comes_takes_its_share_and_few_other_cameras_move()
    {
        FleetCamera[] cameras = [.. Cameras(1000)];
        FleetPlan before = FleetPlan.Make(cameras, Nodes(400, 400, 400));
        FleetPlan after = FleetPlan.Make(cameras, Nodes(400, 400, 400, 400));

        int moved = cameras.Count(camera => before.NodeOf[camera.Id] != after.NodeOf[camera.Id]);
        int taken = after.NodeOf.Values.Count(static node => node == "node3");

        Assert.InRange(taken, 225, 263);
        Assert.InRange(moved - taken, 0, 50);
    }

    [Fact]
    public void A_node_that_goes_leaves_the_others_where_they_are()
    {
        FleetCamera[] cameras = [.. Cameras(1000)];
        Dictionary<string, int> nodes = Nodes(1000, 1000, 1000, 1000);
        FleetPlan before = FleetPlan.Make(cameras, nodes);
        _ = nodes.Remove("node1");
        FleetPlan after = FleetPlan.Make(cameras, nodes);

        int moved = cameras.Count(camera => before.NodeOf[camera.Id] != "node1" && before.NodeOf[camera.Id] != after.NodeOf[camera.Id]);

        Assert.InRange(moved, 0, 50);
    }

    [Fact]
    public void The_order_of_cameras_and_nodes_does_not_matter()
    {
        FleetCamera[] cameras = [.. Cameras(200)];
        FleetPlan one = FleetPlan.Make(cameras, Nodes(100, 200, 50));
        FleetPlan other = FleetPlan.Make(cameras.Reverse(), Nodes(100, 200, 50).Reverse().ToDictionary());

        Assert.Equal(one.NodeOf.OrderBy(static entry => entry.Key), other.NodeOf.OrderBy(static entry => entry.Key));
    }

    [Fact]
    public void Where_not_all_fit_those_of_higher_priority_run_and_no_node_has_more_than_it_carries()
    {
        FleetCamera[] cameras = [.. Cameras(30), new FleetCamera { Id = "zzz", Source = "s", Priority = 1 }];

        FleetPlan plan = FleetPlan.Make(cameras, Nodes(10, 5, 0));

        Assert.Equal(15, plan.NodeOf.Count);
        Assert.Equal(16, plan.Unplaced.Count);
        Assert.Contains("zzz", plan.NodeOf.Keys);
        Assert.Equal(10, plan.NodeOf.Values.Count(static node => node == "node0"));
        Assert.Equal(5, plan.NodeOf.Values.Count(static node => node == "node1"));
    }

    [Fact]
    public void Without_nodes_no_camera_is_placed()
    {
        FleetPlan plan = FleetPlan.Make(Cameras(3), new Dictionary<string, int>());

        Assert.Equal(3, plan.Unplaced.Count);
        Assert.Equal(0, plan.Capacity);
    }

    [Theory]
    [InlineData(40, 1000, 25, 32)]
    [InlineData(20, 1000, 25, 20)]
    [InlineData(40, 10, 25, 1)]
    public void Capacity_is_what_memory_and_rate_allow(int byMemory, double rate, double cameraRate, int wanted) =>
        Assert.Equal(wanted, FleetCapacity.Of(byMemory, rate, cameraRate));

    [Fact]
    public void A_rate_that_is_none_is_refused()
    {
        Assert.Contains("-1", Assert.Throws<ArgumentOutOfRangeException>(static () => FleetCapacity.Of(1, -1, 25)).Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentOutOfRangeException>(static () => FleetCapacity.Of(1, 100, double.NaN));
    }

    private static IEnumerable<FleetCamera> Cameras(int count) =>
        Enumerable.Range(0, count).Select(static number => new FleetCamera { Id = $"cam{number:D4}", Source = "s" });

    private static Dictionary<string, int> Nodes(params int[] capacities) =>
        capacities.Select(static (capacity, node) => (capacity, node))
            .ToDictionary(static entry => $"node{entry.node}", static entry => entry.capacity);
}
